# The gateway: Caddy in front of the API and the user interface, with TLS, limits and routes.

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

variable "gateway" {
  type        = map(string)
  default     = {}
  description = "hosts: names it answers to, with blanks between, this machine's own unless named; tls: internal (an authority of its own), the files of a certificate and its key, or the mail address of an ACME account; hsts: seconds for which browsers insist on TLS."
}

job "gateway" {
  type = "service"

  group "gateway" {
    constraint {
      attribute = "${meta.caddy}"
      operator  = "is_set"
    }

    count = lookup(var.instances, "gateway", 1)

    # An instance is deregistered before it is stopped, so that its clients find another. With a static port there is no
    # other.
    shutdown_delay = lookup(var.ports, "gateway", 0) == 0 ? "5s" : "0s"

    network {
      port "https" {
        static = lookup(var.ports, "gateway", 0)
      }
    }

    service {
      name     = "gateway"
      port     = "https"
      provider = var.service_provider

      check {
        name            = "healthy"
        type            = "http"
        protocol        = "https"
        path            = "/health/gateway"
        tls_skip_verify = true
        interval        = "5s"
        timeout         = "3s"
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
      canary           = lookup(var.ports, "gateway", 0) == 0 ? 1 : 0
      auto_promote     = lookup(var.ports, "gateway", 0) == 0
      auto_revert      = true
      min_healthy_time = "1s"
      healthy_deadline = "3m"
    }

    task "gateway" {
      driver       = "raw_exec"
      kill_timeout = "10s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_gateway}", "services.gateway"]
      }

      env {
        CLOSECAST_HOST            = "${NOMAD_IP_https}"
        CLOSECAST_PORT            = "${NOMAD_PORT_https}"
        CLOSECAST_CADDY           = "${meta.caddy}"
        CLOSECAST_GATEWAY_FOLDER  = "${NOMAD_SECRETS_DIR}"
        CLOSECAST_GATEWAY_STORAGE = "${meta.state}/gateway"
        CLOSECAST_GATEWAY_HOSTS   = lookup(var.gateway, "hosts", "")
        CLOSECAST_GATEWAY_TLS     = lookup(var.gateway, "tls", "internal")
        CLOSECAST_GATEWAY_HSTS    = lookup(var.gateway, "hsts", "0")
      }

      # The template waits for nothing: while a service has no instance, the gateway answers with an error. The task has
      # Caddy reload for a new address. The files are written at once: by default Nomad waits for 5 s without a change.
      template {
        destination = "${NOMAD_SECRETS_DIR}/api.caddy"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService "api" -}}
          to {{ .Address }}:{{ .Port }}
          {{ end -}}
        EOT
        wait {
          min = "100ms"
          max = "1s"
        }
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/ui.caddy"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService "ui" -}}
          to {{ .Address }}:{{ .Port }}
          {{ end -}}
        EOT
        wait {
          min = "100ms"
          max = "1s"
        }
      }

      resources {
        cpu    = 100
        memory = 128
        # The limit with memory oversubscription.
        memory_max = 384
      }
    }
  }
}
