# Prefect's worker: it takes flow runs from the work pool and runs each in its own process.

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
  image       = try(var.cloud.images["prefect-worker"], "")
  role        = try(var.cloud.roles["prefect-worker"], "")
  database_ca = try(var.cloud.authorities.database, "")
}

job "prefect-worker" {
  type = "service"

  group "prefect-worker" {
    network {
      port "health" {}
    }

    service {
      name     = "prefect-worker"
      port     = "health"
      provider = var.service_provider

      check {
        name     = "polls the work pool"
        type     = "http"
        path     = "/health"
        interval = "10s"
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

    task "prefect-worker" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "20s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_worker}", "services.prefect", "worker"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.prefect", "worker"]
          ports = ["health"]
          init  = true
          # Only the task's own folder can be written to.
          readonly_rootfs = true
          volumes         = ["local:/tmp"]
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
        }
      }

      # Flows dispatch the jobs trial and score with this job's identity: see policies/nomad/dispatcher.hcl.
      identity {
        env = true
      }

      env {
        # Otherwise LightGBM's threads spin while they wait for each other, which is slow when other processes are busy.
        OMP_WAIT_POLICY = "passive"
        # Evidently would tell its makers of its use.
        DO_NOT_TRACK                = "1"
        NOMAD_ADDR                  = local.image == "" ? "${meta.nomad_address}" : "unix://${NOMAD_SECRETS_DIR}/api.sock"
        CLOSECAST_HOST              = "${NOMAD_IP_health}"
        CLOSECAST_PORT              = "${NOMAD_PORT_health}"
        CLOSECAST_REGISTERS_FLOWS   = local.image == "" ? "false" : "true"
        CLOSECAST_LAKE_BUCKET       = "${meta.lake_bucket}"
        AWS_REGION                  = "${meta.region}"
        PREFECT_HOME                = "${meta.state}/worker"
        AWS_ROLE_ARN                = local.role
        AWS_WEB_IDENTITY_TOKEN_FILE = local.role == "" ? "" : "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"
        AWS_ENDPOINT_URL_S3         = local.role == "" ? "" : "${meta.object_store}"
        PGSSLMODE                   = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT               = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/worker.env"
        splay       = "0s"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/prefect-worker" -}}
          PREFECT_API_AUTH_STRING={{ .prefect_auth_string }}
          CLOSECAST_MODEL_SIGNING_KEY={{ .model_signing_key }}
          CLOSECAST_PSEUDONYM_KEY={{ .pseudonym_key }}
          CLOSECAST_MODEL_PUBLIC_KEYS={{ .model_public_keys }}
          MLFLOW_TRACKING_USERNAME=closecast
          MLFLOW_TRACKING_PASSWORD={{ .mlflow_password }}
          KAGGLE_API_TOKEN={{ .kaggle_api_token }}
          KAGGLE_USERNAME={{ .kaggle_username }}
          KAGGLE_KEY={{ .kaggle_key }}
          CLOSECAST_KAGGLE_ENDPOINT={{ .closecast_kaggle_endpoint }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{ with nomadVar "nomad/jobs/prefect-worker" }}{{ $password := .optuna_password }}{{ $promoter := .promoter_password }}{{ $monitor := .monitor_password }}
          {{- range nomadService "postgres" }}
          OPTUNA_STORAGE=postgresql+psycopg://optuna:{{ $password }}@{{ .Address }}:{{ .Port }}/optuna
          CLOSECAST_PROMOTION_LOCK_URL=postgresql://promoter:{{ $promoter }}@{{ .Address }}:{{ .Port }}/closecast
          CLOSECAST_MONITORING_URL=postgresql://monitor:{{ $monitor }}@{{ .Address }}:{{ .Port }}/closecast
          {{ else }}{{ with nomadVar "nomad/jobs/prefect-worker/waits-for-postgres" }}{{ end }}{{ end }}{{ end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/prefect-worker/waits-for-object-store" }}{{ end }}{{ end }}
          {{- end }}
          {{ range nomadService "mlflow" -}}
          MLFLOW_TRACKING_URI=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/prefect-worker/waits-for-mlflow" }}{{ end }}{{ end }}
          {{ range nomadService "prefect" -}}
          PREFECT_API_URL=http://{{ .Address }}:{{ .Port }}/api
          {{ else }}{{ with nomadVar "nomad/jobs/prefect-worker/waits-for-prefect" }}{{ end }}{{ end }}
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
        memory = 256
        # The limit with memory oversubscription.
        memory_max = 3072
      }
    }
  }
}
