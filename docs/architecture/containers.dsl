// What runs: each is a job of Nomad, but for the library, which each process of Python imports.
gateway = container "gateway" "TLS, limits, routes" "Caddy" {
    properties {
        job jobs/gateway.nomad.hcl
        source services/gateway
    }
}
ui = container "ui" "Ranks the pipeline, scores a deal, shows the forecast" "Streamlit" {
    properties {
        job jobs/ui.nomad.hcl
        source services/ui
    }
}
api = container "api" "Serves the champion over REST" "Litestar, uvicorn, LightGBM" {
    properties {
        job jobs/api.nomad.hcl
        source services/api
    }
    !include api.dsl
}
mlflow = container "mlflow" "Runs and model registry" "MLflow" {
    properties {
        job jobs/mlflow.nomad.hcl
        source services/mlflow
    }
}
prefect = container "prefect" "Deployments of flows, their runs and schedules" "Prefect" {
    properties {
        job jobs/prefect.nomad.hcl
        source services/prefect
    }
}
worker = container "prefect-worker" "Runs the flows" "Prefect, LightGBM" {
    properties {
        job jobs/prefect-worker.nomad.hcl
        source services/prefect
    }
    !include flows.dsl
}
trial = container "trial" "Takes trials from a study; dispatched" "Optuna, LightGBM" {
    properties {
        job jobs/trial.nomad.hcl
        source services/trial
    }
}
score = container "score" "Scores one part of a batch; dispatched" "LightGBM, Arrow" {
    properties {
        job jobs/score.nomad.hcl
        source services/score
    }
}
journal = container "journal" "Takes predictions from the stream to PostgreSQL and the lake" "Redis streams, Arrow" {
    properties {
        job jobs/journal.nomad.hcl
        source services/journal
    }
}
shadow = container "shadow" "Scores recorded predictions with a second model" "LightGBM" {
    properties {
        job jobs/shadow.nomad.hcl
        source services/shadow
    }
}
alerts = container "alerts" "Outbox and sinks of alerts, dead man's switches" "Python" {
    properties {
        job jobs/alerts.nomad.hcl
        source services/alerts
    }
}
alertmanager = container "alertmanager" "Groups and silences alerts on metrics" "Alertmanager" {
    properties {
        job jobs/alertmanager.nomad.hcl
        source services/alertmanager
    }
}
prometheus = container "prometheus" "Metrics, and the rules of alerts on them" "Prometheus" {
    properties {
        job jobs/prometheus.nomad.hcl
        source services/prometheus
    }
}
postgres = container "postgres" "Databases of MLflow, Prefect, Optuna, and of keys, predictions, alerts and the audit log" "PostgreSQL" "Database" {
    properties {
        job jobs/postgres.nomad.hcl
        source services/postgres
    }
}
cache = container "cache" "Stream of predictions, rate limits, explanations" "Valkey" "Database" {
    properties {
        job jobs/cache.nomad.hcl
        source services/cache
    }
}
objects = container "object store" "Lake and artifacts; LocalStack on one machine" "S3" "Database" {
    properties {
        job jobs/localstack.nomad.hcl
        source localstack
    }
}
companion = container "companion" "Makes LocalStack's buckets and keeps their objects on disk" "Terraform, rclone" {
    properties {
        job jobs/localstack.nomad.hcl
        source services/bucket_mirror
    }
}

library = container "closecast" "The library in each process of Python" "Python package" "Library" {
    properties {
        source closecast
    }
    !include library.dsl
}
