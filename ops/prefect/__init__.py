"""Prefect: server, worker, deployments, parameters and runs."""
