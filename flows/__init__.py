"""Prefect flows and their deployments, thin wrappers around closecast."""
