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

job "ui" {
  type = "service"

  group "ui" {
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

    task "ui" {
      driver       = "raw_exec"
      kill_timeout = "5s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_ui}", "services.ui"]
      }

      # The page shows the API whose task it is by a token that Nomad signs and renews in time: no password is held here.
      # The file is read at each request, so a renewed token restarts nothing.
      identity {
        name        = "api"
        aud         = ["closecast-api"]
        file        = true
        ttl         = "1h"
        change_mode = "noop"
      }

      env {
        CLOSECAST_HOST           = "${NOMAD_IP_http}"
        CLOSECAST_PORT           = "${NOMAD_PORT_http}"
        CLOSECAST_API_TOKEN_FILE = "${NOMAD_SECRETS_DIR}/nomad_api.jwt"
        CLOSECAST_ADDRESSES      = "${NOMAD_SECRETS_DIR}/ui.env"
      }

      # By which the page knows whom it may show anything to: who has signed in at the gateway, or signs in here.
      template {
        destination = "${NOMAD_SECRETS_DIR}/sign_in.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/ui" -}}
          CLOSECAST_UI_PASSWORD={{ .password }}
          CLOSECAST_UI_GATEWAY_KEY={{ .gateway_key }}
          {{- end }}
        EOT
      }

      # The address comes from discovery. A branch that asks for a Variable nobody writes keeps the template, and so the
      # task, waiting until the service is registered. The page reads the file at each visit, so an instance that comes,
      # moves or goes ends nobody's session.
      template {
        destination = "${NOMAD_SECRETS_DIR}/ui.env"
        env         = true
        change_mode = "noop"
        perms       = "0644"
        # At once: by default Nomad waits for 5 s without a change, and as long does an instance that leaves answer.
        wait {
          min = "100ms"
          max = "1s"
        }
        data = <<-EOT
          {{ range nomadService "api" -}}
          CLOSECAST_API_URL=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/ui/waits-for-api" }}{{ end }}{{ end }}
        EOT
      }

      resources {
        cpu    = 200
        memory = 256
        # Where the scheduler lets tasks borrow (memory oversubscription), up to here.
        memory_max = 768
      }
    }
  }
}
