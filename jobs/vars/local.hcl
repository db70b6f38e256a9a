# One machine, tasks run by raw_exec in the project's own environment.
service_provider = "nomad"

# The ports that people type into a browser or a script; the rest are found by discovery and Nomad chooses them.
ports = {
  api     = 8000
  ui      = 8501
  mlflow  = 5000
  prefect = 4200
  gateway = 8443
}

# More than one instance on one machine needs a port that Nomad chooses: leave the service out of `ports` then.
instances = {
  api = 1
}
