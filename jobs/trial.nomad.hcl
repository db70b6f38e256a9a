# One worker of an Optuna study, dispatched by the flow `tune`: it runs trials until the study has enough.

variable "service_provider" {
  type        = string
  default     = "nomad"
  description = "Where services are registered: nomad, or consul where a Consul runs."
}

variable "ports" {
  type        = map(number)
  default     = {}
  description = "Fixed port by service; this job listens on none."
}

variable "instances" {
  type        = map(number)
  default     = {}
  description = "Number of instances by service; this job's are dispatched."
}

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image       = try(var.cloud.images.trial, "")
  role        = try(var.cloud.roles.trial, "")
  database_ca = try(var.cloud.authorities.database, "")
}

job "trial" {
  type = "batch"

  parameterized {
    payload       = "forbidden"
    meta_required = ["study", "silver_key", "cut", "trials", "lease"]
    meta_optional = ["seed", "fiscal_year_start"]
  }

  group "trial" {
    # A killed instance is restarted on its node, or on another if the node is gone; finished work is kept.
    restart {
      attempts = 3
      interval = "10m"
      delay    = "1s"
      mode     = "fail"
    }

    reschedule {
      attempts  = 2
      interval  = "1h"
      delay     = "5s"
      unlimited = false
    }

    task "trial" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "5s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_batch}", "services.trial"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.trial"]
          init  = true
          # Only the task's own folder can be written to.
          readonly_rootfs = true
          volumes         = ["local:/tmp"]
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
        }
      }

      env {
        CLOSECAST_LEASE = "${NOMAD_META_lease}"
        # Otherwise LightGBM's threads spin while they wait for each other, which is slow when other processes are busy.
        OMP_WAIT_POLICY             = "passive"
        CLOSECAST_STUDY             = "${NOMAD_META_study}"
        CLOSECAST_SILVER_KEY        = "${NOMAD_META_silver_key}"
        CLOSECAST_CUT               = "${NOMAD_META_cut}"
        CLOSECAST_TRIALS            = "${NOMAD_META_trials}"
        CLOSECAST_SEED              = "${NOMAD_META_seed}"
        CLOSECAST_FISCAL_YEAR_START = "${NOMAD_META_fiscal_year_start}"
        CLOSECAST_LAKE_BUCKET       = "${meta.lake_bucket}"
        AWS_REGION                  = "${meta.region}"
        AWS_ROLE_ARN                = local.role
        AWS_WEB_IDENTITY_TOKEN_FILE = local.role == "" ? "" : "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"
        AWS_ENDPOINT_URL_S3         = local.role == "" ? "" : "${meta.object_store}"
        PGSSLMODE                   = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT               = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/trial.env"
        env         = true
        perms       = "0600"
        change_mode = "noop"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/trial" -}}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/trial/waits-for-object-store" }}{{ end }}{{ end }}
          {{- end }}
          {{ with nomadVar "nomad/jobs/trial" }}{{ $password := .database_password }}
          {{- range nomadService "postgres" }}
          OPTUNA_STORAGE=postgresql+psycopg://optuna:{{ $password }}@{{ .Address }}:{{ .Port }}/optuna
          {{ else }}{{ with nomadVar "nomad/jobs/trial/waits-for-postgres" }}{{ end }}{{ end }}{{ end }}
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
        memory_max = 2048
      }
    }
  }
}
