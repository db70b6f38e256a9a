# Closecast in AWS, as people use it. The composition is that of every environment; sizes are here.

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = { project = "closecast", environment = "production" }
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
    cidr          = "10.40.0.0/16"
    nat           = "each"
    domain        = var.domain
    issuer_domain = var.issuer_domain
    zone_id       = var.zone_id
    allowed_cidrs = var.allowed_cidrs
    ami_id        = var.ami_id
    nomad         = var.nomad
    images        = var.images
    ci            = var.ci
    backup_lock   = var.backup_lock

    servers = { number = var.servers, instance_type = "t3.small" }
    clients = {
      general = { instance_type = "m7i.large", least = 3, most = 6 }
    }
    cache = { instance_type = "t3.small", size_gib = 20 }
    database = {
      instance_class = "db.m7g.large"
      storage_gib    = { initial = 100, most = 1000 }
      multi_az       = true
      backup_days    = 35
    }
  }
}
