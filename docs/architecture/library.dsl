// The packages of the library. Their relationships are their imports: tests/unit/docs/test_architecture_model.py compares the two.
deals = component "deals" "What a deal is: contract, reading, mapping, checks, labels" "pandas, Pandera" {
    properties {
        source closecast/deals
    }
}
features = component "features" "The features of a deal at an as-of date" "NumPy, pandas" {
    properties {
        source closecast/features
    }
}
models = component "models" "Training, evaluation, explanations, and the gate" "LightGBM, Optuna" {
    properties {
        source closecast/models
    }
}
scoring = component "scoring" "The rules of scoring; one deal or many" "NumPy" {
    properties {
        source closecast/scoring
    }
}
forecast = component "forecast" "The quarter's won revenue, and how past forecasts did" "NumPy" {
    properties {
        source closecast/forecast
    }
}
monitoring = component "monitoring" "Drift, and what the model lost by outcomes" "NumPy, Evidently" {
    properties {
        source closecast/monitoring
    }
}
cli = component "cli" "The command closecast: check, map, train and predict without a platform" "Python" {
    properties {
        source closecast/cli
    }
}
group "platform: what talks to the outside" {
    platform = component "platform" "Settings; clients of database, cache and object store; signatures" "Python" {
        properties {
            source closecast/platform
        }
    }
    platform_alerts = component "platform.alerts" "Alerts, and the outbox of messages about them" "Python" {
        properties {
            source closecast/platform/alerts
        }
    }
    platform_batch = component "platform.batch" "The parts of a batch" "Arrow" {
        properties {
            source closecast/platform/batch
        }
    }
    platform_callers = component "platform.callers" "Keys, users, sessions, tokens, limits, audit log" "Argon2, Authlib" {
        properties {
            source closecast/platform/callers
        }
    }
    platform_forget = component "platform.forget" "Replaces a name wherever it is stored" "Python" {
        properties {
            source closecast/platform/forget
        }
    }
    platform_journal = component "platform.journal" "Records predictions: stream, spool, table, archive" "Redis streams" {
        properties {
            source closecast/platform/journal
        }
    }
    platform_lake = component "platform.lake" "Bronze, silver, gold, quarantine" "S3" {
        properties {
            source closecast/platform/lake
        }
    }
    platform_mlflow = component "platform.mlflow" "Tracking, registry, promotions" "MLflow" {
        properties {
            source closecast/platform/mlflow
        }
    }
    platform_monitoring = component "platform.monitoring" "Recorded predictions beside outcomes; verdicts, retraining" "psycopg" {
        properties {
            source closecast/platform/monitoring
        }
    }
    platform_nomad = component "platform.nomad" "Service discovery, dispatched jobs" "Nomad" {
        properties {
            source closecast/platform/nomad
        }
    }
    platform_runtime = component "platform.runtime" "Logs, background work, files, retries" "Python" {
        properties {
            source closecast/platform/runtime
        }
    }
    platform_shadow = component "platform.shadow" "A second model beside the champion" "psycopg" {
        properties {
            source closecast/platform/shadow
        }
    }
    platform_sources = component "platform.sources" "Exports: files, S3, Kaggle, synthetic" "httpx" {
        properties {
            source closecast/platform/sources
        }
    }
}
