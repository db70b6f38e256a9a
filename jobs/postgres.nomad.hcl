# The database of MLflow, Prefect, Optuna and Closecast on one machine; production uses RDS.

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
      port     = "db"
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

    task "postgres" {
      driver = "raw_exec"

      # A fast shutdown: open transactions are rolled back and no recovery is needed afterwards.
      kill_signal  = "SIGINT"
      kill_timeout = "20s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_postgres}", "services.postgres"]
      }

      env {
        CLOSECAST_HOST            = "${NOMAD_IP_db}"
        CLOSECAST_PORT            = "${NOMAD_PORT_db}"
        CLOSECAST_POSTGRES_FOLDER = "${meta.state}/postgres"
      }

      template {
        destination = "${NOMAD_SECRETS_DIR}/postgres.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
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

      resources {
        cpu    = 200
        memory = 256
        # The limit with memory oversubscription.
        memory_max = 512
      }
    }
  }
}
