# The cloud side of Closecast on LocalStack: the same composition as in production, with an endpoint of this machine.

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

module "platform" {
  source = "../../modules/platform"

  name         = var.name
  secret_names = var.secret_names
  disposable   = true
  tags         = local.tags
  # The jobs run on this machine.
  cloud = null
}
