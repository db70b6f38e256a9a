# Alerts: takes those of Alertmanager, watches what nobody else does, and delivers messages to sinks.

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

job "alerts" {
  type = "service"

  group "alerts" {
    count = lookup(var.instances, "alerts", 1)

    network {
      port "http" {
        static = lookup(var.ports, "alerts", 0)
      }
    }

    service {
      name     = "alerts"
      port     = "http"
      provider = var.service_provider

      # It fails while the database cannot be used; the process waits for it and needs no restart.
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

    task "alerts" {
      driver       = "raw_exec"
      kill_timeout = "15s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_alerts}", "services.alerts"]
      }

      env {
        CLOSECAST_HOST            = "${NOMAD_IP_http}"
        CLOSECAST_PORT            = "${NOMAD_PORT_http}"
        CLOSECAST_ALERT_RULES     = "${meta.project}/policies/alerts"
        CLOSECAST_EXPECTS_METRICS = "${meta.prometheus}"
        CLOSECAST_GATEWAY_ADDRESS = "${NOMAD_SECRETS_DIR}/gateway"
        AWS_REGION                = "${meta.region}"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/alerts.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/alerts" -}}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          CLOSECAST_ALERTMANAGER_TOKEN={{ .alertmanager_token }}
          CLOSECAST_ALERT_SINKS={{ .sinks.Value | toJSON }}
          {{- end }}
          {{ range nomadService "postgres" -}}
          CLOSECAST_DATABASE_URL=postgresql://alerts:{{ with nomadVar "nomad/jobs/alerts" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/closecast
          {{ else }}{{ with nomadVar "nomad/jobs/alerts/waits-for-postgres" }}{{ end }}{{ end }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_SNS=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/alerts/waits-for-object-store" }}{{ end }}{{ end }}
        EOT
      }

      # The gateway's certificate is looked at. The template waits for nothing: not every machine has a gateway.
      template {
        destination = "${NOMAD_SECRETS_DIR}/gateway"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService 1 "one" "gateway" }}{{ .Address }}:{{ .Port }}{{ end }}
        EOT
      }

      resources {
        cpu    = 50
        memory = 96
        # The limit with memory oversubscription.
        memory_max = 256
      }
    }
  }
}
