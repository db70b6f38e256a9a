# Prometheus: scrapes the services that have metrics, and evaluates the rules of alerts.

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
  image = try(var.cloud.images.prometheus, "")
}

job "prometheus" {
  type = "service"

  group "prometheus" {
    constraint {
      attribute = "${meta.prometheus}"
      operator  = "is_set"
    }

    network {
      port "http" {
        static = lookup(var.ports, "prometheus", 0)
      }
    }

    service {
      name     = "prometheus"
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

    task "prometheus" {
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "15s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_prometheus}", "services.prometheus"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.prometheus"]
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
        CLOSECAST_PROMETHEUS        = "${meta.prometheus}"
        CLOSECAST_PROMETHEUS_FOLDER = "${meta.state}/prometheus"
        CLOSECAST_ALERT_RULES       = "${meta.project}/policies/alerts"
        CLOSECAST_CONFIGURATION     = "${NOMAD_SECRETS_DIR}"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/prometheus.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/prometheus" -}}
          CLOSECAST_PROMETHEUS_PASSWORD={{ .password }}
          CLOSECAST_ALERTMANAGER_PASSWORD={{ .alertmanager_password }}
          {{- end }}
        EOT
      }

      # The targets come from service discovery, in files that Prometheus reads again when they change: it holds no token of
      # Nomad's. The templates wait for nothing.
      template {
        destination = "${NOMAD_SECRETS_DIR}/api.targets.yml"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService "api" -}}
          - targets: ["{{ .Address }}:{{ .Port }}"]
          {{ else }}[]
          {{ end -}}
        EOT
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/journal.targets.yml"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService "journal" -}}
          - targets: ["{{ .Address }}:{{ .Port }}"]
          {{ else }}[]
          {{ end -}}
        EOT
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/alerts.targets.yml"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService "alerts" -}}
          - targets: ["{{ .Address }}:{{ .Port }}"]
          {{ else }}[]
          {{ end -}}
        EOT
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/alertmanager.targets.yml"
        perms       = "0644"
        change_mode = "noop"
        data        = <<-EOT
          {{ range nomadService "alertmanager" -}}
          - targets: ["{{ .Address }}:{{ .Port }}"]
          {{ else }}[]
          {{ end -}}
        EOT
      }

      resources {
        cpu    = 50
        memory = 128
        # The limit with memory oversubscription.
        memory_max = 384
      }
    }
  }
}
