# Prefect's server: the API, the scheduler and the UI of the flows, with its state in PostgreSQL.

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
  image       = try(var.cloud.images.prefect, "")
  database_ca = try(var.cloud.authorities.database, "")
}

job "prefect" {
  type = "service"

  group "prefect" {
    network {
      port "http" {
        static = lookup(var.ports, "prefect", 0)
      }
    }

    service {
      name     = "prefect"
      port     = "http"
      provider = var.service_provider

      check {
        name     = "healthy"
        type     = "http"
        path     = "/api/health"
        interval = "5s"
        timeout  = "3s"
      }

      # Prefect's own page answers "true" even if its scheduler fails.
      check {
        name     = "background services run"
        type     = "http"
        path     = "/health/services"
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

    task "prefect" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "10s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_prefect}", "services.prefect", "server"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.prefect", "server"]
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
        CLOSECAST_HOST = "${NOMAD_IP_http}"
        CLOSECAST_PORT = "${NOMAD_PORT_http}"
        PREFECT_HOME   = "${meta.state}/prefect"
        # Its pages with their address, outside of the package's folder, which belongs to root.
        PREFECT_UI_STATIC_DIRECTORY = "${meta.state}/prefect/ui"
        PGSSLMODE                   = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT               = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/prefect.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/prefect" -}}
          PREFECT_SERVER_API_AUTH_STRING={{ .auth_string }}
          {{- end }}
          {{ range nomadService "postgres" -}}
          PREFECT_API_DATABASE_CONNECTION_URL=postgresql+asyncpg://prefect:{{ with nomadVar "nomad/jobs/prefect" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/prefect
          {{ else }}{{ with nomadVar "nomad/jobs/prefect/waits-for-postgres" }}{{ end }}{{ end }}
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
        cpu    = 300
        memory = 320
        # The limit with memory oversubscription.
        memory_max = 768
      }
    }
  }
}
