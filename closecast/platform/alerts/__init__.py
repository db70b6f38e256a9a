"""Alerts: what is wrong, in PostgreSQL, and the messages about it, which an outbox delivers to sinks."""
