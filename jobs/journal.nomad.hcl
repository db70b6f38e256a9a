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
      driver       = "raw_exec"
      kill_timeout = "15s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_journal}", "services.journal"]
      }

      env {
        CLOSECAST_HOST            = "${NOMAD_IP_http}"
        CLOSECAST_PORT            = "${NOMAD_PORT_http}"
        CLOSECAST_CONSUMER        = "journal-${NOMAD_ALLOC_INDEX}"
        CLOSECAST_LAKE_BUCKET     = "${meta.lake_bucket}"
        CLOSECAST_ARCHIVE_SECONDS = var.archive_seconds
        AWS_REGION                = "${meta.region}"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/journal.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/journal" -}}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{ range nomadService "cache" -}}
          CLOSECAST_CACHE_URL=redis://:{{ with nomadVar "nomad/jobs/journal" }}{{ .cache_password }}{{ end }}@{{ .Address }}:{{ .Port }}/0
          {{ else }}{{ with nomadVar "nomad/jobs/journal/waits-for-cache" }}{{ end }}{{ end }}
          {{ range nomadService "postgres" -}}
          CLOSECAST_DATABASE_URL=postgresql://closecast:{{ with nomadVar "nomad/jobs/journal" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/closecast
          {{ else }}{{ with nomadVar "nomad/jobs/journal/waits-for-postgres" }}{{ end }}{{ end }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/journal/waits-for-object-store" }}{{ end }}{{ end }}
        EOT
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
