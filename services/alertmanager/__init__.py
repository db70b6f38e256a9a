"""Alertmanager: it groups and silences Prometheus's alerts, and posts them to the service `alerts`."""
