# Shadow scoring: a second model scores the predictions that the journal has recorded.

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

variable "shadow_rate" {
  type        = string
  default     = "1"
  description = "Share of the deals that are scored in shadow, 0 to 1; a deal is always in it or never."
}

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image       = try(var.cloud.images.shadow, "")
  database_ca = try(var.cloud.authorities.database, "")
}

job "shadow" {
  type = "service"

  group "shadow" {
    count = lookup(var.instances, "shadow", 1)

    network {
      port "http" {
        static = lookup(var.ports, "shadow", 0)
      }
    }

    service {
      name     = "shadow"
      port     = "http"
      provider = var.service_provider

      # It fails while database or registry cannot be used, not because of the model; the process waits and needs no restart.
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

    task "shadow" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "15s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_shadow}", "services.shadow"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.shadow"]
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
        CLOSECAST_MODEL_CACHE = "${NOMAD_TASK_DIR}/models"
        CLOSECAST_SHADOW_RATE = var.shadow_rate
        # Otherwise LightGBM's threads spin while they wait for each other, which is slow when other processes are busy.
        OMP_WAIT_POLICY = "passive"
        PGSSLMODE       = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT   = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/shadow.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/shadow" -}}
          CLOSECAST_MODEL_PUBLIC_KEYS={{ .model_public_keys }}
          MLFLOW_TRACKING_USERNAME=reader
          MLFLOW_TRACKING_PASSWORD={{ .mlflow_password }}
          {{- end }}
          {{ range nomadService "postgres" -}}
          CLOSECAST_DATABASE_URL=postgresql://shadow:{{ with nomadVar "nomad/jobs/shadow" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/closecast
          {{ else }}{{ with nomadVar "nomad/jobs/shadow/waits-for-postgres" }}{{ end }}{{ end }}
          {{ range nomadService "mlflow" -}}
          MLFLOW_TRACKING_URI=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/shadow/waits-for-mlflow" }}{{ end }}{{ end }}
        EOT
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
        cpu    = 100
        memory = 256
        # The limit with memory oversubscription.
        memory_max = 1024
      }
    }
  }
}
