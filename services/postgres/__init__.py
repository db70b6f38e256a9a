"""The local PostgreSQL process: MLflow's, Prefect's and Optuna's database where no managed one is there."""
