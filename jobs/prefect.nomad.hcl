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

      # Prefect's own page says "true" for as long as it can answer: whether schedules are kept is another question.
      check {
        name     = "background services run"
        type     = "http"
        path     = "/health/services"
        interval = "10s"
        timeout  = "3s"
      }
    }

    restart {
      # A task that fails at once is tried again for as long as it takes, ten times in a minute at most.
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
      driver       = "raw_exec"
      kill_timeout = "10s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_prefect}", "services.prefect", "server"]
      }

      env {
        CLOSECAST_HOST = "${NOMAD_IP_http}"
        CLOSECAST_PORT = "${NOMAD_PORT_http}"
        PREFECT_HOME   = "${meta.state}/prefect"
        # Its pages, with their address written in: not beside the package, which belongs to root.
        PREFECT_UI_STATIC_DIRECTORY = "${meta.state}/prefect/ui"
      }

      # Each address comes from discovery. A branch that asks for a Variable nobody writes keeps the template, and so
      # the task, waiting until the service is registered; a service that moves restarts the task with its new address.
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

      resources {
        cpu    = 300
        memory = 320
        # Where the scheduler lets tasks borrow (memory oversubscription), up to here.
        memory_max = 768
      }
    }
  }
}
