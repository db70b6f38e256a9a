# The prediction service: a REST API for the registry's champion.

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

variable "user_issuers" {
  type = list(object({
    name       = string
    issuer     = string
    jwks_url   = string
    audience   = string
    role_claim = list(string)
    roles      = map(string)
  }))
  default     = []
  description = "OIDC providers whose users may call, the path to the claim that gives roles, and the role by its value."
}

variable "workload_roles" {
  type        = map(string)
  default     = {}
  description = "Jobs of this Nomad whose tasks may call with their workload identity: the role by the job's name."
}

variable "rate_limits" {
  type        = string
  default     = ""
  description = "Deals or requests by role and the seconds in which they are refilled: viewer=1000/10,scorer=200000/10."
}

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image       = try(var.cloud.images.api, "")
  role        = try(var.cloud.roles.api, "")
  database_ca = try(var.cloud.authorities.database, "")
  cache_ca    = try(var.cloud.authorities.cache, "")

  # The authority signs for the cache alone, which is found by its address: its name need not be checked.
  cache_scheme  = local.cache_ca == "" ? "redis" : "rediss"
  cache_options = local.cache_ca == "" ? "" : "?ssl_ca_certs=/secrets/cache.pem&ssl_check_hostname=false"
}

job "api" {
  type = "service"

  group "api" {
    count = lookup(var.instances, "api", 1)

    network {
      port "http" {
        static = lookup(var.ports, "api", 0)
      }
    }

    service {
      name     = "api"
      port     = "http"
      provider = var.service_provider

      check {
        name     = "live"
        type     = "http"
        path     = "/health/live"
        interval = "5s"
        timeout  = "3s"
      }

      # A new version of the service that refuses the champion never passes, and the old version comes back.
      check {
        name     = "startup"
        type     = "http"
        path     = "/health/startup"
        interval = "2s"
        timeout  = "3s"
      }

      check {
        name     = "ready"
        type     = "http"
        path     = "/health/ready"
        interval = "5s"
        timeout  = "3s"
        # Without any champion the instance is not ready: the pipeline must fix that, not the deployment.
        on_update = "ignore"
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
      max_parallel = 1
      # A canary runs beside the old instance, so it needs a port that Nomad chooses.
      canary           = lookup(var.ports, "api", 0) == 0 ? 1 : 0
      auto_promote     = lookup(var.ports, "api", 0) == 0
      auto_revert      = true
      min_healthy_time = "10s"
      healthy_deadline = "3m"
      # The first instance that misses its deadline ends the deployment.
      progress_deadline = "0s"
    }

    task "api" {
      driver = local.image == "" ? "raw_exec" : "docker"
      # The longest time for draining and answering requests under way.
      kill_timeout = "15s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_api}", "services.api"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.api"]
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
        CLOSECAST_HOST        = "${NOMAD_IP_http}"
        CLOSECAST_PORT        = "${NOMAD_PORT_http}"
        CLOSECAST_OWN_URL     = "http://${NOMAD_ADDR_http}"
        CLOSECAST_MODEL_CACHE = "${meta.state}/models"
        CLOSECAST_LAKE_BUCKET = "${meta.lake_bucket}"
        AWS_REGION            = "${meta.region}"
        CLOSECAST_ADDRESSES   = "${NOMAD_SECRETS_DIR}/addresses"
        CLOSECAST_RATE_LIMITS = var.rate_limits
        # Long enough for the gateway to notice. Without another instance, callers wait meanwhile.
        CLOSECAST_DRAIN_SECONDS = lookup(var.instances, "api", 1) > 1 ? 5 : 2
        # Accepted token issuers: Nomad, for the workload identities of tasks, and the users' identity providers.
        CLOSECAST_TOKEN_ISSUERS = jsonencode(concat([for roles in [var.workload_roles] : {
          name       = "nomad"
          issuer     = "${meta.nomad_address}"
          jwks_url   = "${meta.nomad_address}/.well-known/jwks.json"
          audience   = "closecast-api"
          kind       = "workload"
          role_claim = "nomad_job_id"
          roles      = roles
          claims     = { nomad_namespace = "default" }
          name_claim = "nomad_job_id"
        } if length(roles) > 0], [for issuer in var.user_issuers : merge(issuer, { kind = "user" })]))
        AWS_ROLE_ARN                = local.role
        AWS_WEB_IDENTITY_TOKEN_FILE = local.role == "" ? "" : "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"
        AWS_ENDPOINT_URL_S3         = local.role == "" ? "" : "${meta.object_store}"
        PGSSLMODE                   = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT               = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/api.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/api" -}}
          CLOSECAST_API_KEY_SHA256={{ .api_key_sha256 }}
          CLOSECAST_WEBHOOK_SECRET={{ .webhook_secret }}
          CLOSECAST_PSEUDONYM_KEY={{ .pseudonym_key }}
          CLOSECAST_SIGN_IN_PROVIDER={{ .sign_in_provider.Value | toJSON }}
          CLOSECAST_MODEL_PUBLIC_KEYS={{ .model_public_keys }}
          CLOSECAST_DATABASE_PASSWORD={{ .database_password }}
          CLOSECAST_CACHE_PASSWORD={{ .cache_password }}
          MLFLOW_TRACKING_USERNAME=api
          MLFLOW_TRACKING_PASSWORD={{ .mlflow_password }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{ range nomadService "mlflow" -}}
          MLFLOW_TRACKING_URI=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/api/waits-for-mlflow" }}{{ end }}{{ end }}
        EOT
      }

      # Services that the API can do without for a while. The template does not wait for them, so the task starts while they
      # are away. It changes only the file, which is read for each new connection: a database that moves or restarts must
      # not cost the instance its model in memory, or a caller its request. The addresses refer to passwords in the
      # environment: until the task starts, other accounts of the platform could read this file.
      template {
        destination = "${NOMAD_SECRETS_DIR}/addresses"
        change_mode = "noop"
        perms       = "0644"
        data        = <<-EOT
          {{ range nomadService "postgres" }}
          CLOSECAST_DATABASE_URL=postgresql://closecast:$CLOSECAST_DATABASE_PASSWORD@{{ .Address }}:{{ .Port }}/closecast
          {{- end }}
          {{- range nomadService "cache" }}
          CLOSECAST_CACHE_URL=${local.cache_scheme}://:$CLOSECAST_CACHE_PASSWORD@{{ .Address }}:{{ .Port }}/0${local.cache_options}
          {{- end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{- range nomadService "object-store" }}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{- end }}
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
        cpu    = 400
        memory = 320
        # The limit with memory oversubscription.
        memory_max = 640
      }
    }
  }
}
