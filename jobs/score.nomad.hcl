# Scores one part of a batch, dispatched by the flow `score`.

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
  image = try(var.cloud.images.score, "")
  role  = try(var.cloud.roles.score, "")
}

job "score" {
  type = "batch"

  parameterized {
    payload       = "forbidden"
    meta_required = ["source", "target", "as_of", "horizon", "version", "run_id", "model_sha256", "lease"]
    meta_optional = []
  }

  group "score" {
    # A killed instance is restarted on its node, or on another if the node is gone; finished work is kept.
    restart {
      attempts = 3
      interval = "10m"
      delay    = "1s"
      mode     = "fail"
    }

    # Few attempts: the process itself waits for outages, and an unreadable file is not a failure.
    reschedule {
      attempts  = 1
      interval  = "1h"
      delay     = "5s"
      unlimited = false
    }

    task "score" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "5s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_batch}", "services.score.guard"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.score.guard"]
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
        CLOSECAST_SOURCE            = "${NOMAD_META_source}"
        CLOSECAST_TARGET            = "${NOMAD_META_target}"
        CLOSECAST_AS_OF             = "${NOMAD_META_as_of}"
        CLOSECAST_HORIZON           = "${NOMAD_META_horizon}"
        CLOSECAST_MODEL_VERSION     = "${NOMAD_META_version}"
        CLOSECAST_MODEL_RUN         = "${NOMAD_META_run_id}"
        CLOSECAST_MODEL_SHA256      = "${NOMAD_META_model_sha256}"
        CLOSECAST_MODEL_CACHE       = "${meta.state}/batch"
        CLOSECAST_LAKE_BUCKET       = "${meta.lake_bucket}"
        AWS_REGION                  = "${meta.region}"
        AWS_ROLE_ARN                = local.role
        AWS_WEB_IDENTITY_TOKEN_FILE = local.role == "" ? "" : "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"
        AWS_ENDPOINT_URL_S3         = local.role == "" ? "" : "${meta.object_store}"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/score.env"
        env         = true
        perms       = "0600"
        change_mode = "noop"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/score" -}}
          CLOSECAST_MODEL_PUBLIC_KEYS={{ .model_public_keys }}
          CLOSECAST_PSEUDONYM_KEY={{ .pseudonym_key }}
          MLFLOW_TRACKING_USERNAME=reader
          MLFLOW_TRACKING_PASSWORD={{ .mlflow_password }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/score/waits-for-object-store" }}{{ end }}{{ end }}
          {{- end }}
          {{ range nomadService "mlflow" -}}
          MLFLOW_TRACKING_URI=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/score/waits-for-mlflow" }}{{ end }}{{ end }}
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

      resources {
        cpu    = 300
        memory = 256
        # The limit with memory oversubscription.
        memory_max = 1536
      }
    }
  }
}
