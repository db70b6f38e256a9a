# The prediction service: answers from the registry's champion and follows its alias.

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

variable "user_issuers" {
  type = list(object({
    name       = string
    issuer     = string
    jwks_url   = string
    audience   = string
    role_claim = list(string)
    roles      = map(string)
  }))
  default     = []
  description = "OIDC providers whose users may call, the path to the claim that gives roles, and the role by its value."
}

variable "rate_limits" {
  type        = string
  default     = ""
  description = "Deals or requests by role and the seconds in which they are refilled: viewer=1000/10,scorer=200000/10."
}

job "api" {
  type = "service"

  group "api" {
    count = lookup(var.instances, "api", 1)

    network {
      port "http" {
        static = lookup(var.ports, "api", 0)
      }
    }

    service {
      name     = "api"
      port     = "http"
      provider = var.service_provider

      check {
        name     = "live"
        type     = "http"
        path     = "/health/live"
        interval = "5s"
        timeout  = "3s"
      }

      check {
        name     = "ready"
        type     = "http"
        path     = "/health/ready"
        interval = "5s"
        timeout  = "3s"
        # Without a champion there is nothing to be ready with: that is the pipeline's to mend, not the deployment's.
        on_update = "ignore"
      }
    }

    restart {
      # A task that fails at once is tried again for as long as it takes, ten times in a minute at most.
      attempts = 10
      interval = "1m"
      delay    = "1s"
      mode     = "delay"
    }

    update {
      max_parallel = 1
      # A canary runs beside the instance it may replace, so there is one only where the port is Nomad's to choose.
      canary           = lookup(var.ports, "api", 0) == 0 ? 1 : 0
      auto_promote     = lookup(var.ports, "api", 0) == 0
      auto_revert      = true
      min_healthy_time = "1s"
      healthy_deadline = "3m"
    }

    task "api" {
      driver = "raw_exec"
      # What the instance takes to be left alone and to answer what it has begun, at most.
      kill_timeout = "15s"

      config {
        command = "${meta.python}"
        args    = ["-I", "${meta.project}/services/launch.py", "${meta.account_api}", "services.api"]
      }

      env {
        CLOSECAST_HOST        = "${NOMAD_IP_http}"
        CLOSECAST_PORT        = "${NOMAD_PORT_http}"
        CLOSECAST_OWN_URL     = "http://${NOMAD_ADDR_http}"
        CLOSECAST_MODEL_CACHE = "${meta.state}/models"
        CLOSECAST_LAKE_BUCKET = "${meta.lake_bucket}"
        AWS_REGION            = "${meta.region}"
        CLOSECAST_ADDRESSES   = "${NOMAD_SECRETS_DIR}/addresses"
        CLOSECAST_RATE_LIMITS = var.rate_limits
        # Long enough for the gateway to notice. Where there is no other instance to go to, callers wait meanwhile.
        CLOSECAST_DRAIN_SECONDS = lookup(var.instances, "api", 1) > 1 ? 5 : 2
        # Whose tokens are accepted: Nomad's own, by which tasks prove what job they belong to, and those of users' providers.
        CLOSECAST_TOKEN_ISSUERS = jsonencode(concat([{
          name       = "nomad"
          issuer     = "${meta.nomad_address}"
          jwks_url   = "${meta.nomad_address}/.well-known/jwks.json"
          audience   = "closecast-api"
          kind       = "workload"
          role_claim = "nomad_job_id"
          roles      = { ui = "scorer" }
          claims     = { nomad_namespace = "default" }
          name_claim = "nomad_job_id"
        }], [for issuer in var.user_issuers : merge(issuer, { kind = "user" })]))
      }

      # Each address comes from discovery. A branch that asks for a Variable nobody writes keeps the template, and so
      # the task, waiting until the service is registered; a service that moves restarts the task with its new address.
      template {
        destination = "${NOMAD_SECRETS_DIR}/api.env"
        env         = true
        perms       = "0600"
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/api" -}}
          CLOSECAST_API_KEY_SHA256={{ .api_key_sha256 }}
          AWS_ACCESS_KEY_ID={{ .object_store_access_key }}
          AWS_SECRET_ACCESS_KEY={{ .object_store_secret_key }}
          CLOSECAST_WEBHOOK_SECRET={{ .webhook_secret }}
          CLOSECAST_MODEL_PUBLIC_KEYS={{ .model_public_keys }}
          CLOSECAST_DATABASE_PASSWORD={{ .database_password }}
          CLOSECAST_CACHE_PASSWORD={{ .cache_password }}
          MLFLOW_TRACKING_USERNAME=api
          MLFLOW_TRACKING_PASSWORD={{ .mlflow_password }}
          {{- end }}
          {{ range nomadService "mlflow" -}}
          MLFLOW_TRACKING_URI=http://{{ .Address }}:{{ .Port }}
          {{ else }}{{ with nomadVar "nomad/jobs/api/waits-for-mlflow" }}{{ end }}{{ end }}
        EOT
      }

      # What the API answers without for a while. The template does not wait for them, so the task starts while they are
      # away; and it changes nothing but the file, which is read at each new connection: a database that moves or restarts
      # must not cost the instance its model in memory, nor a caller its request. The passwords in the addresses are named
      # and stand in the environment: until the task begins, other accounts of the platform could read this file.
      template {
        destination = "${NOMAD_SECRETS_DIR}/addresses"
        change_mode = "noop"
        perms       = "0644"
        data        = <<-EOT
          {{ range nomadService "postgres" }}
          CLOSECAST_DATABASE_URL=postgresql://closecast:$CLOSECAST_DATABASE_PASSWORD@{{ .Address }}:{{ .Port }}/closecast
          {{- end }}
          {{- range nomadService "cache" }}
          CLOSECAST_CACHE_URL=redis://:$CLOSECAST_CACHE_PASSWORD@{{ .Address }}:{{ .Port }}/0
          {{- end }}
          {{- range nomadService "object-store" }}
          AWS_ENDPOINT_URL_S3=http://{{ .Address }}:{{ .Port }}
          {{- end }}
        EOT
      }

      resources {
        cpu    = 400
        memory = 320
        # Where the scheduler lets tasks borrow (memory oversubscription), up to here.
        memory_max = 640
      }
    }
  }
}
