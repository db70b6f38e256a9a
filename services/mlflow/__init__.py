"""The MLflow process: tracking server, registry and the proxy through which artifacts reach S3."""
