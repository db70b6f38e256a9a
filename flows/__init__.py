"""Prefect flows and their deployments: thin, they call closecast."""
