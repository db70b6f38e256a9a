workspace "Closecast" "Which open deals will be won, and by when" {
    model {
        sales = person "Sales people" "Rank the pipeline, score deals"
        team = person "Data and platform team" "Train, operate"
        application = softwareSystem "Application" "Calls the REST API"
        crm = softwareSystem "CRM" "Exports its deals as CSV"
        closecast = softwareSystem "Closecast" {
            gateway = container "gateway" "TLS, limits, routes" "Caddy"
            ui = container "ui" "Ranks the pipeline, scores a deal" "Streamlit"
            api = container "api" "Serves the champion" "Litestar, uvicorn, LightGBM"
            mlflow = container "mlflow" "Runs and model registry" "MLflow"
            prefect = container "prefect" "Deployments, runs, schedules" "Prefect"
            worker = container "prefect-worker" "Runs the flows" "Prefect, LightGBM"
            trial = container "trial" "Takes trials from a study; dispatched" "Optuna, LightGBM"
            score = container "score" "Scores one part of a batch; dispatched" "LightGBM, Arrow"
            journal = container "journal" "Takes predictions from the stream to PostgreSQL and the lake" "Redis streams, Arrow"
            shadow = container "shadow" "Scores recorded predictions with a second model" "LightGBM"
            postgres = container "postgres" "Databases of MLflow, Prefect, Optuna, and of keys, predictions and the audit log" "PostgreSQL" "Database"
            cache = container "cache" "Stream of predictions, rate limits, explanations" "Valkey" "Database"
            localstack = container "localstack" "S3 (lake, artifacts), opened by the platform's keys only, with the companion that rebuilds them" "LocalStack, Terraform, rclone" "Database"
        }
        sales -> gateway "browser, HTTPS"
        application -> gateway "REST, API key, HTTPS"
        gateway -> ui "HTTP, WebSocket"
        gateway -> api "HTTP"
        team -> prefect "just, browser"
        team -> mlflow "browser"
        crm -> worker "CSV export"
        ui -> api "REST"
        api -> mlflow "alias champion, model"
        mlflow -> api "signed webhook when the alias moves"
        api -> cache "predictions, limits, explanations; notifies all instances when the alias moves"
        api -> postgres "keys, audit log, recorded predictions, outcomes"
        api -> localstack "newest deals of the champion's source"
        journal -> cache "stream of predictions"
        journal -> postgres "predictions"
        journal -> localstack "predictions, Parquet"
        shadow -> mlflow "alias shadow, model"
        shadow -> postgres "predictions, what the second model says of them"
        worker -> prefect "polls"
        worker -> mlflow "run, model, alias"
        worker -> localstack "bronze, silver, gold, quarantine"
        worker -> trial "dispatches"
        worker -> score "dispatches"
        worker -> postgres "studies"
        trial -> postgres "study"
        trial -> localstack "silver"
        score -> localstack "deals in, predictions out"
        score -> mlflow "model"
        mlflow -> postgres "SQL"
        mlflow -> localstack "artifacts"
        prefect -> postgres "SQL"
    }
    views {
        systemContext closecast { include * autolayout lr }
        container closecast { include * autolayout lr }
        theme default
    }
}
