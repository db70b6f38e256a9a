"""The trial job: a dispatched Nomad allocation that runs trials of an Optuna study until it has enough."""
