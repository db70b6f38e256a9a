"""Prefect's server and worker: the deployments, their parameters and their runs."""
