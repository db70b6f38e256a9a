"""Prometheus: it scrapes the services that have metrics, and evaluates the rules in policies/alerts."""
