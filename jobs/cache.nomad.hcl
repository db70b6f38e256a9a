# The cache (Valkey) on one machine; in AWS it is this job too, on a volume of its own.

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

job "cache" {
  type = "service"

  group "cache" {
    network {
      port "redis" {
        static = lookup(var.ports, "cache", 0)
      }
    }

    service {
      name     = "cache"
      port     = "redis"
      provider = var.service_provider

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
      healthy_deadline = "2m"
    }

    task "cache" {
      driver       = "raw_exec"
      kill_timeout = "10s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_cache}", "services.cache"]
      }

      env {
        CLOSECAST_HOST         = "${NOMAD_IP_redis}"
        CLOSECAST_PORT         = "${NOMAD_PORT_redis}"
        CLOSECAST_CACHE_FOLDER = "${meta.state}/cache"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/cache.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/cache" -}}
          CACHE_PASSWORD={{ .password }}
          {{- end }}
        EOT
      }

      resources {
        cpu    = 100
        memory = 128
        # The limit with memory oversubscription: 256 MB of data, and the copies while the append-only file is rewritten.
        memory_max = 512
      }
    }
  }
}
