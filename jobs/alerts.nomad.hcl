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

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image       = try(var.cloud.images.alerts, "")
  role        = try(var.cloud.roles.alerts, "")
  database_ca = try(var.cloud.authorities.database, "")
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
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "15s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_alerts}", "services.alerts"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.alerts"]
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
        CLOSECAST_HOST              = "${NOMAD_IP_http}"
        CLOSECAST_PORT              = "${NOMAD_PORT_http}"
        CLOSECAST_ALERT_RULES       = "${meta.project}/policies/alerts"
        CLOSECAST_EXPECTS_METRICS   = "${meta.prometheus}"
        CLOSECAST_GATEWAY_ADDRESS   = "${NOMAD_SECRETS_DIR}/gateway"
        AWS_REGION                  = "${meta.region}"
        AWS_ROLE_ARN                = local.role
        AWS_WEB_IDENTITY_TOKEN_FILE = local.role == "" ? "" : "${NOMAD_SECRETS_DIR}/nomad_aws.jwt"
        PGSSLMODE                   = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT               = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      # Addresses come from service discovery. A branch that reads a missing Variable blocks the template, and so the task,
      # until the service is registered; when a service moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/alerts.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/alerts" -}}
          CLOSECAST_ALERTMANAGER_TOKEN={{ .alertmanager_token }}
          CLOSECAST_ALERT_SINKS={{ .sinks.Value | toJSON }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          {{- end }}
          {{- end }}
          {{ range nomadService "postgres" -}}
          CLOSECAST_DATABASE_URL=postgresql://alerts:{{ with nomadVar "nomad/jobs/alerts" }}{{ .database_password }}{{ end }}@{{ .Address }}:{{ .Port }}/closecast
          {{ else }}{{ with nomadVar "nomad/jobs/alerts/waits-for-postgres" }}{{ end }}{{ end }}
          {{- if eq (env "AWS_ROLE_ARN") "" }}
          {{ range nomadService "object-store" -}}
          AWS_ENDPOINT_URL_SNS=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/alerts/waits-for-object-store" }}{{ end }}{{ end }}
          {{- end }}
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

      dynamic "template" {
        for_each = compact([local.database_ca])
        content {
          destination = "${NOMAD_SECRETS_DIR}/database.pem"
          perms       = "0644"
          data        = template.value
        }
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
