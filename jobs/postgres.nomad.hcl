# The database of MLflow, Prefect, Optuna and Closecast. Where `cloud` names one, such as RDS, the task makes its roles and
# databases, and registers it.

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
  image       = try(var.cloud.images.postgres, "")
  host        = try(var.cloud.database.host, "")
  database_ca = try(var.cloud.authorities.database, "")
}

job "postgres" {
  type = "service"

  group "postgres" {
    network {
      port "db" {
        static = lookup(var.ports, "postgres", 0)
      }
    }

    service {
      name     = "postgres"
      address  = local.host
      port     = local.host == "" ? "db" : var.cloud.database.port
      provider = var.service_provider

      check {
        name     = "accepts connections"
        port     = "db"
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

    task "postgres" {
      driver = local.image == "" ? "raw_exec" : "docker"

      # A fast shutdown: open transactions are rolled back and no recovery is needed afterwards.
      kill_signal  = "SIGINT"
      kill_timeout = "20s"

      dynamic "config" {
        for_each = local.image == "" ? [1] : []
        content {
          command = "${meta.python}"
          args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_postgres}", "services.postgres"]
        }
      }

      dynamic "config" {
        for_each = compact([local.image])
        content {
          image = config.value
          args  = ["services.postgres"]
          ports = ["db"]
          init  = true
          # Only the task's own folder can be written to.
          readonly_rootfs = true
          volumes         = ["local:/tmp"]
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
        }
      }

      env {
        CLOSECAST_HOST            = "${NOMAD_IP_db}"
        CLOSECAST_PORT            = "${NOMAD_PORT_db}"
        CLOSECAST_POSTGRES_FOLDER = "${meta.state}/postgres"

        CLOSECAST_DATABASE_HOST          = local.host
        CLOSECAST_DATABASE_PORT          = try(var.cloud.database.port, "")
        CLOSECAST_DATABASE_ADMINISTRATOR = try(var.cloud.database.administrator, "")
        PGSSLMODE                        = local.database_ca == "" ? "prefer" : "verify-full"
        PGSSLROOTCERT                    = local.database_ca == "" ? "" : "${NOMAD_SECRETS_DIR}/database.pem"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/postgres.env"
        env         = true
        # `just rotate` tells a server of our own, and the next start finds the new passwords here: with `noop` it would find
        # the old ones. Roles of another's server are set at each start.
        change_mode = local.host == "" ? "script" : "restart"
        change_script {
          command = "/bin/true"
        }
        perms = "0600"
        data  = <<-EOT
          {{ with nomadVar "nomad/jobs/postgres" -}}
          POSTGRES_SUPERUSER_PASSWORD={{ .superuser_password }}
          POSTGRES_MLFLOW_PASSWORD={{ .mlflow_password }}
          POSTGRES_PREFECT_PASSWORD={{ .prefect_password }}
          POSTGRES_OPTUNA_PASSWORD={{ .optuna_password }}
          POSTGRES_CLOSECAST_PASSWORD={{ .closecast_password }}
          POSTGRES_PROMOTER_PASSWORD={{ .promoter_password }}
          POSTGRES_MONITOR_PASSWORD={{ .monitor_password }}
          POSTGRES_SHADOW_PASSWORD={{ .shadow_password }}
          POSTGRES_ALERTS_PASSWORD={{ .alerts_password }}
          {{- end }}
        EOT
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
        cpu    = 200
        memory = 256
        # The limit with memory oversubscription.
        memory_max = 512
      }
    }
  }
}
