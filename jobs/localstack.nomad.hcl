# AWS on this machine: LocalStack, and a companion that applies Terraform and mirrors the objects on disk.

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
  description = "Unused: a cloud has an object store of its own."
}

job "localstack" {
  type = "service"

  group "localstack" {
    network {
      port "aws" {}
      port "companion" {}
    }

    service {
      name     = "localstack"
      port     = "aws"
      provider = var.service_provider

      check {
        name     = "healthy"
        type     = "http"
        path     = "/_localstack/health"
        interval = "5s"
        timeout  = "3s"
      }
    }

    # The service for clients of the buckets. Its check is the companion's, which knows whether they are restored.
    service {
      name     = "object-store"
      port     = "aws"
      provider = var.service_provider

      check {
        name     = "buckets restored"
        type     = "http"
        port     = "companion"
        path     = "/health"
        interval = "2s"
        timeout  = "3s"
      }
    }

    service {
      name     = "object-store-companion"
      port     = "companion"
      provider = var.service_provider
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
      healthy_deadline = "5m"
    }

    task "localstack" {
      driver       = "raw_exec"
      kill_timeout = "10s"

      # The companion stops first, after copying the last objects to disk.
      shutdown_delay = "0s"

      config {
        command = "${meta.localstack_python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_objects}", "${meta.project}/localstack/run.py"]
      }

      env {
        CLOSECAST_HOST             = "${NOMAD_IP_aws}"
        CLOSECAST_PORT             = "${NOMAD_PORT_aws}"
        CLOSECAST_LOCALSTACK_STATE = "${meta.state}/localstack"
        CLOSECAST_LAKE_BUCKET      = "${meta.lake_bucket}"
        CLOSECAST_ARTIFACTS_BUCKET = "${meta.artifacts_bucket}"
      }

      # The accepted keys: the companion's has all rights, those of other jobs are limited by localstack/rights.py.
      template {
        destination = "${NOMAD_SECRETS_DIR}/localstack.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/localstack" -}}
          CLOSECAST_OBJECT_STORE_ACCESS_KEY={{ .object_store_access_key }}
          CLOSECAST_OBJECT_STORE_SECRET_KEY={{ .object_store_secret_key }}
          CLOSECAST_OBJECT_STORE_JOB_KEYS={{ .object_store_job_keys }}
          {{- end }}
        EOT
      }

      resources {
        cpu    = 300
        memory = 640
        # The limit with memory oversubscription.
        memory_max = 1536
      }
    }

    task "companion" {
      driver       = "raw_exec"
      kill_timeout = "20s"

      lifecycle {
        hook    = "poststart"
        sidecar = true
      }

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_objects}", "services.bucket_mirror"]
      }

      env {
        CLOSECAST_HOST             = "${NOMAD_IP_companion}"
        CLOSECAST_PORT             = "${NOMAD_PORT_companion}"
        CLOSECAST_MIRROR           = "${meta.state}/mirror"
        CLOSECAST_TERRAFORM_STATE  = "${meta.state}/terraform"
        CLOSECAST_TERRAFORM_MIRROR = "${meta.terraform_mirror}"
        AWS_ENDPOINT_URL           = "http://${NOMAD_ADDR_aws}"
        AWS_REGION                 = "${meta.region}"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/companion.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/localstack" -}}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
        EOT
      }

      resources {
        cpu    = 200
        memory = 128
        # The limit with memory oversubscription.
        memory_max = 1024
      }
    }
  }
}
