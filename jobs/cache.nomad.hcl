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

variable "cloud" {
  type        = map(map(string))
  default     = {}
  description = "Images, roles and certificate authorities where tasks run in containers: docs/infrastructure.md."
}

locals {
  image  = try(var.cloud.images.cache, "")
  volume = try(var.cloud.cache.volume, "")
  ca     = try(var.cloud.authorities.cache, "")
}

job "cache" {
  type = "service"
  # In a cloud, the pool of the one node with the volume.
  node_pool = local.volume == "" ? "default" : "cache"

  group "cache" {
    dynamic "volume" {
      for_each = compact([local.volume])
      labels   = ["data"]
      content {
        type   = "host"
        source = volume.value
      }
    }

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
      driver       = local.image == "" ? "raw_exec" : "docker"
      kill_timeout = "10s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_cache}", "services.cache"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.cache"]
          ports = ["redis"]
          init  = true
          # Only the task's own folder can be written to.
          readonly_rootfs = true
          volumes         = ["local:/tmp"]
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
        }
      }

      dynamic "volume_mount" {
        for_each = compact([local.volume])
        content {
          volume      = "data"
          destination = "/data"
        }
      }

      env {
        CLOSECAST_HOST         = "${NOMAD_IP_redis}"
        CLOSECAST_PORT         = "${NOMAD_PORT_redis}"
        CLOSECAST_CACHE_FOLDER = local.volume == "" ? "${meta.state}/cache" : "/data"
        # Whether the Variable has a certificate and its key.
        CLOSECAST_CACHE_TLS = local.ca == "" ? "false" : "true"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/cache.env"
        env         = true
        # On one machine `just rotate` tells it, and the next start finds the new password here: with `noop` it would find the
        # old one.
        change_mode = local.image == "" ? "script" : "restart"
        change_script {
          command = "/bin/true"
        }
        perms = "0600"
        data  = <<-EOT
          {{ with nomadVar "nomad/jobs/cache" -}}
          CACHE_PASSWORD={{ .password }}
          {{- if eq (env "CLOSECAST_CACHE_TLS") "true" }}
          CACHE_CERTIFICATE={{ .certificate.Value | toJSON }}
          CACHE_KEY={{ .key.Value | toJSON }}
          {{- end }}
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
