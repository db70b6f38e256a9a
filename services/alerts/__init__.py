"""The service `alerts`: it takes Alertmanager's alerts, watches what nobody else does, and delivers messages to sinks."""
