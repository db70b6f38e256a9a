# The prediction journal: it moves predictions from the cache's stream to PostgreSQL, and from there to the lake.

variable "service_provider" {
  type        = string
  default     = "nomad"
  description = "Where services are registered: nomad, or consul where a Consul runs."
}

variable "ports" {
  type        = map(number)
  default     = {}
  description = "Fixed port by service; Nomad chooses one for a service that is not named."
}

variable "instances" {
  type        = map(number)
  default     = {}
  description = "Number of instances by service; one of a service that is not named."
}

variable "archive_seconds" {
  type        = number
  default     = 900
  description = "Age at which a batch of predictions is closed, and goes to the lake and to the model in shadow."
}

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image       = try(var.cloud.images.journal, "")
  role        = try(var.cloud.roles.journal, "")
  database_ca = try(var.cloud.authorities.database, "")
  cache_ca    = try(var.cloud.authorities.cache, "")

  # The authority signs for the cache alone, which is found by its address: its name need not be checked.
  cache_scheme  = local.cache_ca == "" ? "redis" : "rediss"
  cache_options = local.cache_ca == "" ? "" : "?ssl_ca_certs=/secrets/cache.pem&ssl_check_hostname=false"
}

job "journal" {
  type = "service"

  group "journal" {
    count = lookup(var.instances, "journal", 1)

    network {
      port "http" {
        static = lookup(var.ports, "journal", 0)
      }
    }

    service {
      name     = "journal"
      port     = "http"
      provider = var.service_provider

      # It fails while cache, database or lake cannot be used; the process waits for them and needs no restart.
      check {
        name     = "healthy"
        type     = "http"
        path     = "/health"
        interval = "5s"
        timeout  = "3s"
      }
    }

    restart {
      # A failing task is restarted indefinitely, at most ten times a minute.
      attempts = 10
      interval = "1m"
      delay    = "1s"
      mode     = "delay"
    }

    update {
      min_healthy_time = "1s"
      healthy_deadline = "3m"
    }

    task "journal" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "15s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_journal}", "services.journal"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.journal"]
          ports = ["http"]
          init  = true
          # Only the task's own folder can be written to.
          readonly_rootfs = true
          volumes         = ["local:/tmp"]
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
        }
      }

      env {
        CLOSECAST_HOST              = "${NOMAD_IP_http}"
        CLOSECAST_PORT              = "${NOMAD_PORT_http}"
        CLOSECAST_CONSUMER          = "journal-${NOMAD_ALLOC_INDEX}"
        CLOSECAST_LAKE_BUCKET       = "${meta.lake_bucket}"
        CLOSECAST_ARCHIVE_SECONDS   = var.archive_seconds
        AWS_REGION                  = "${meta.region}"
        AWS_ROLE_ARN                = local.role
        AWS_WEB_IDENTITY_TOKEN_FILE = local.role == "" ? "" : "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"
        AWS_ENDPOINT_URL_S3         = local.role == "" ? "" : "${meta.object_store}"
        PGSSLMODE                   = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT               = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/journal.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/journal" -}}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{ range nomadService "cache" -}}
          CLOSECAST_CACHE_URL=${local.cache_scheme}://:{{ with nomadVar "nomad/jobs/journal" }}{{ .cache_password }}{{ end }}@{{ .Address }}:{{ .Port }}/0${local.cache_options}
          {{ else }}{{ with nomadVar "nomad/jobs/journal/waits-for-cache" }}{{ end }}{{ end }}
          {{ range nomadService "postgres" -}}
          CLOSECAST_DATABASE_URL=postgresql://closecast:{{ with nomadVar "nomad/jobs/journal" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/closecast
          {{ else }}{{ with nomadVar "nomad/jobs/journal/waits-for-postgres" }}{{ end }}{{ end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/journal/waits-for-object-store" }}{{ end }}{{ end }}
          {{- end }}
        EOT
      }

      # The credentials of the role come from AWS, for what Nomad says about this task.
      dynamic "identity" {
        for_each = compact([local.role])
        content {
          name = "aws"
          aud  = ["aws"]
          file = true
          ttl  = "1h"
        }
      }

      dynamic "template" {
        for_each = compact([local.database_ca])
        content {
          destination = "${NOMAD_SECRETS_DIR}/database.pem"
          perms       = "0644"
          data        = template.value
        }
      }

      dynamic "template" {
        for_each = compact([local.cache_ca])
        content {
          destination = "${NOMAD_SECRETS_DIR}/cache.pem"
          perms       = "0644"
          data        = template.value
        }
      }

      resources {
        cpu    = 100
        memory = 192
        # The limit with memory oversubscription.
        memory_max = 512
      }
    }
  }
}
