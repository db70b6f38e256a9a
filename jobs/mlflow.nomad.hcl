# MLflow's tracking server and model registry: runs in PostgreSQL, artifacts in S3 and served through it.

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

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image       = try(var.cloud.images.mlflow, "")
  role        = try(var.cloud.roles.mlflow, "")
  database_ca = try(var.cloud.authorities.database, "")
}

job "mlflow" {
  type = "service"

  group "mlflow" {
    network {
      port "http" {
        static = lookup(var.ports, "mlflow", 0)
      }
    }

    service {
      name     = "mlflow"
      port     = "http"
      provider = var.service_provider

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

    task "mlflow" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "10s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_mlflow}", "services.mlflow"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.mlflow"]
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
        CLOSECAST_ARTIFACTS_BUCKET  = "${meta.artifacts_bucket}"
        CLOSECAST_ADDRESSES         = "${NOMAD_SECRETS_DIR}/addresses"
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
        destination = "${NOMAD_SECRETS_DIR}/mlflow.env"
        # Short: `up` may have changed a password, and uses the new one a second later.
        splay = "0s"
        env   = true
        perms = "0600"
        data  = <<-EOT
          {{ with nomadVar "nomad/jobs/mlflow" -}}
          MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY={{ .webhook_encryption_key }}
          CLOSECAST_MLFLOW_PASSWORD={{ .password }}
          CLOSECAST_MLFLOW_API_PASSWORD={{ .api_password }}
          CLOSECAST_MLFLOW_READER_PASSWORD={{ .reader_password }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{ range nomadService "postgres" -}}
          MLFLOW_BACKEND_STORE_URI=postgresql+psycopg://mlflow:{{ with nomadVar "nomad/jobs/mlflow" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/mlflow
          {{ else }}{{ with nomadVar "nomad/jobs/mlflow/waits-for-postgres" }}{{ end }}{{ end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/mlflow/waits-for-object-store" }}{{ end }}{{ end }}
          {{- end }}
        EOT
      }

      # The allowed addresses of webhooks. It does not wait, because the API waits for this service; it is read at each webhook.
      template {
        destination = "${NOMAD_SECRETS_DIR}/addresses"
        change_mode = "noop"
        perms       = "0644"
        data        = <<-EOT
          CLOSECAST_API_URLS={{ range nomadService "api" }}http://{{ .Address }}:{{ .Port }},{{ end }}
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

      resources {
        cpu    = 300
        memory = 512
        # The limit with memory oversubscription.
        memory_max = 1024
      }
    }
  }
}
