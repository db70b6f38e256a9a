"""One worker of an Optuna study: a dispatched Nomad allocation that takes trials until the study has enough."""
