"""The MLflow process: tracking server, model registry, and proxy for artifacts on S3."""
