# The Streamlit user interface: ranks the open pipeline and scores a deal, through the API.

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
  image = try(var.cloud.images.ui, "")
}

job "ui" {
  type = "service"

  group "ui" {
    # An instance is deregistered before it is stopped, so that its clients find another; on one machine there is no other.
    shutdown_delay = local.image == "" ? "0s" : "5s"

    network {
      port "http" {
        static = lookup(var.ports, "ui", 0)
      }
    }

    service {
      name     = "ui"
      port     = "http"
      provider = var.service_provider

      check {
        name     = "healthy"
        type     = "http"
        path     = "/_stcore/health"
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
      # A canary runs beside the old instance, so it needs a port that Nomad chooses.
      canary           = lookup(var.ports, "ui", 0) == 0 ? 1 : 0
      auto_promote     = lookup(var.ports, "ui", 0) == 0
      auto_revert      = true
      min_healthy_time = "1s"
      healthy_deadline = "3m"
    }

    task "ui" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "5s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_ui}", "services.ui"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.ui"]
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
        CLOSECAST_HOST      = "${NOMAD_IP_http}"
        CLOSECAST_PORT      = "${NOMAD_PORT_http}"
        CLOSECAST_ADDRESSES = "${NOMAD_SECRETS_DIR}/ui.env"
        CLOSECAST_NOMAD_URL = "${meta.nomad_address}"
      }

      # The address comes from service discovery. A branch that reads a missing Variable blocks the template, and so the
      # task, until the service is registered. The page reads the file at each visit, so changes of instances end no
      # session.
      template {
        destination = "${NOMAD_SECRETS_DIR}/ui.env"
        env         = true
        change_mode = "noop"
        perms       = "0644"
        # At once: by default Nomad waits for 5 s without a change, as long as a stopping instance still answers.
        wait {
          min = "100ms"
          max = "1s"
        }
        data = <<-EOT
          {{ range nomadService "api" -}}
          CLOSECAST_API_URL=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/ui/waits-for-api" }}{{ end }}{{ end }}
          {{ range nomadService "prefect" -}}
          CLOSECAST_PREFECT_URL=http://{{ .Address }}:{{ .Port }}
          {{ end }}{{ range nomadService "mlflow" -}}
          CLOSECAST_MLFLOW_URL=http://{{ .Address }}:{{ .Port }}
          {{ end }}
        EOT
      }

      resources {
        cpu    = 200
        memory = 256
        # The limit with memory oversubscription.
        memory_max = 768
      }
    }
  }
}
