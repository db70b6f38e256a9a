# Closecast in AWS, small: to try a release before production gets it. The composition is that of every environment; sizes are here.

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = { project = "closecast", environment = "staging" }
}

module "platform" {
  source = "../../modules/platform"

  name          = var.name
  secret_names  = var.secret_names
  subscriptions = var.subscriptions
  tags          = local.tags

  buckets = {
    lake      = { noncurrent_expiration_days = 30, abort_multipart_days = 7 }
    artifacts = { noncurrent_expiration_days = 30, abort_multipart_days = 7 }
  }

  cloud = {
    zones         = var.zones
    cidr          = "10.41.0.0/16"
    nat           = "one"
    endpoints     = [] # each costs as much as a small machine
    domain        = var.domain
    issuer_domain = var.issuer_domain
    zone_id       = var.zone_id
    allowed_cidrs = var.allowed_cidrs
    ami_id        = var.ami_id
    nomad         = var.nomad
    images        = var.images
    ci            = var.ci

    servers = { number = var.servers, instance_type = "t3.small" }
    clients = {
      general = { instance_type = "t3.large", least = 2, most = 3 }
    }
    cache = { instance_type = "t3.small", size_gib = 10 }
    database = {
      instance_class = "db.t4g.medium"
      storage_gib    = { initial = 20, most = 100 }
      multi_az       = false
      backup_days    = 7
    }
  }
}
