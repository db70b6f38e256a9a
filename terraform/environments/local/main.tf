# The cloud side of Closecast on LocalStack: the same modules as in production, with an endpoint of this machine.

provider "aws" {
  region                      = var.region
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true

  endpoints {
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sns            = var.endpoint
    sts            = var.endpoint
  }
}

locals {
  tags = { project = "closecast", environment = "local" }
}

module "object_store" {
  source = "../../modules/object_store"

  name          = var.name
  buckets       = { lake = {}, artifacts = {} }
  require_tls   = false # LocalStack listens on plain HTTP, on this machine only.
  force_destroy = true
  tags          = local.tags
}

module "secrets" {
  source = "../../modules/secrets"

  name  = var.name
  names = var.secret_names
  # The names are those of production; the values open nothing. What opens this machine's platform is in Nomad's Variables alone.
  values               = { for name in var.secret_names : name => "not kept in LocalStack" }
  recovery_window_days = 0
  tags                 = local.tags
}

module "alerts" {
  source = "../../modules/alerts"

  name = var.name
  tags = local.tags
}
