// The worker and the flows that it runs.
runner = component "worker" "Polls Prefect and runs each flow in a process of its own" "Prefect" {
    properties {
        source services/prefect
    }
}
flow_ingest = component "ingest" "Checks a source and stores it in the lake" "Prefect flow" {
    properties {
        source flows/ingest.py
    }
}
flow_eda = component "eda" "Writes an exploratory report of a source" "Prefect flow" {
    properties {
        source flows/eda.py
    }
}
flow_train = component "train" "Trains a model, registers it, promotes it if the gate accepts it" "Prefect flow" {
    properties {
        source flows/train.py
    }
}
flow_tune = component "tune" "Searches settings on dispatched jobs, then trains with the best" "Prefect flow" {
    properties {
        source flows/tune.py
    }
}
flow_evaluate = component "evaluate" "Measures a candidate at one or more cuts" "Prefect flow" {
    properties {
        source flows/evaluate.py
    }
}
flow_forecast = component "forecast" "Records the forecast of the quarter" "Prefect flow" {
    properties {
        source flows/forecast.py
    }
}
flow_monitor = component "monitor" "Judges the served model by outcomes and inputs" "Prefect flow" {
    properties {
        source flows/monitor.py
    }
}
flow_retrain = component "retrain" "One attempt of a training that a harmful verdict asked for" "Prefect flow" {
    properties {
        source flows/retrain.py
    }
}
flow_score = component "score" "Scores Parquet files of the lake on dispatched jobs" "Prefect flow" {
    properties {
        source flows/score.py
    }
}
