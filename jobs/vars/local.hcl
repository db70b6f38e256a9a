# One machine, tasks run by raw_exec in the project's own environment.
service_provider = "nomad"

# Static ports for browsers and scripts; Nomad chooses the rest, which are found by service discovery.
ports = {
  api     = 8000
  ui      = 8501
  mlflow  = 5000
  prefect = 4200
  gateway = 8443
}

# Several instances on one machine need ports that Nomad chooses: then leave the service out of `ports`.
instances = {
  api = 1
}
