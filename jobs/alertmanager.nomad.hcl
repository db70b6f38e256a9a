# Alertmanager: groups and silences alerts on metrics, and posts them to the service alerts.

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
  image = try(var.cloud.images.alertmanager, "")
}

job "alertmanager" {
  type = "service"

  group "alertmanager" {
    constraint {
      attribute = "${meta.alertmanager}"
      operator  = "is_set"
    }

    network {
      port "http" {
        static = lookup(var.ports, "alertmanager", 0)
      }
    }

    service {
      name     = "alertmanager"
      port     = "http"
      provider = var.service_provider

      # Its pages ask for a password, health included.
      check {
        name     = "accepts connections"
        type     = "tcp"
        interval = "5s"
        timeout  = "2s"
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

    task "alertmanager" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "10s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_alertmanager}", "services.alertmanager"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.alertmanager"]
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
        CLOSECAST_HOST                = "${NOMAD_IP_http}"
        CLOSECAST_PORT                = "${NOMAD_PORT_http}"
        CLOSECAST_ALERTMANAGER        = "${meta.alertmanager}"
        CLOSECAST_ALERTMANAGER_FOLDER = "${meta.state}/alertmanager"
        CLOSECAST_CONFIGURATION       = "${NOMAD_SECRETS_DIR}"
      }

      # The receiver comes from service discovery. A branch that reads a missing Variable blocks the template, and so the
      # task, until the service is registered; when it moves, the task restarts with the new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/alertmanager.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/alertmanager" -}}
          CLOSECAST_ALERTMANAGER_PASSWORD={{ .password }}
          CLOSECAST_ALERTMANAGER_TOKEN={{ .token }}
          {{- end }}
          {{ range nomadService 1 "one" "alerts" -}}
          CLOSECAST_ALERTS_RECEIVER=http://{{ .Address }}:{{ .Port }}/v1/alertmanager
          {{ else }}{{ with nomadVar "nomad/jobs/alertmanager/waits-for-alerts" }}{{ end }}{{ end }}
        EOT
      }

      resources {
        cpu    = 50
        memory = 48
        # The limit with memory oversubscription.
        memory_max = 128
      }
    }
  }
}
