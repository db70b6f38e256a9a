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

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image    = try(var.cloud.images.gateway, "")
  settings = merge(try(var.cloud.gateway, {}), var.gateway)
  # A canary runs beside the old instance: on another node, or at a port that Nomad chooses.
  has_room = local.image != "" || lookup(var.ports, "gateway", 0) == 0
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
    shutdown_delay = local.has_room ? "5s" : "0s"

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
      canary           = local.has_room ? 1 : 0
      auto_promote     = local.has_room
      auto_revert      = true
      min_healthy_time = "1s"
      healthy_deadline = "3m"
    }

    task "gateway" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = local.image == "" ? "10s" : "40s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_gateway}", "services.gateway"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.gateway"]
          ports = ["https"]
          init  = true
          # Only the task's own folder can be written to.
          readonly_rootfs = true
          volumes         = ["local:/tmp"]
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
        }
      }

      env {
        CLOSECAST_HOST            = "${NOMAD_IP_https}"
        CLOSECAST_PORT            = "${NOMAD_PORT_https}"
        CLOSECAST_CADDY           = "${meta.caddy}"
        CLOSECAST_GATEWAY_FOLDER  = "${NOMAD_SECRETS_DIR}"
        CLOSECAST_GATEWAY_STORAGE = "${meta.state}/gateway"
        # Long enough for a load balancer to notice that the health check fails.
        CLOSECAST_DRAIN_SECONDS = local.image == "" ? 0 : 25
        CLOSECAST_GATEWAY_HOSTS = lookup(local.settings, "hosts", "")
        CLOSECAST_GATEWAY_TLS   = lookup(local.settings, "tls", "internal")
        CLOSECAST_GATEWAY_HSTS  = lookup(local.settings, "hsts", "0")
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
