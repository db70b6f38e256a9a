# What AWS adds where the jobs run there: keys, network, database, volume of the cache, Nomad, the way in, and who watches.

locals {
  gateway_port = 8443
  nomad_port   = 4646
  # The rights of jobs are those that LocalStack's guard enforces on a laptop.
  jobs = jsondecode(file("${path.module}/../../../policies/iam/jobs.json"))
}

module "keys" {
  source = "../keys"
  count  = local.in_cloud ? 1 : 0

  name = var.name
  tags = var.tags
}

module "network" {
  source = "../network"
  count  = local.in_cloud ? 1 : 0

  name        = var.name
  cidr        = var.cloud.cidr
  zones       = var.cloud.zones
  nat         = var.cloud.nat
  kms_key_arn = local.keys.logs

  interface_endpoints = var.cloud.endpoints
  tags                = var.tags
}

module "image_registry" {
  source = "../image_registry"
  count  = local.in_cloud ? 1 : 0

  name         = var.name
  images       = var.cloud.images
  kms_key_arn  = local.keys.data
  force_delete = var.disposable
  tags         = var.tags
}

module "identity" {
  source = "../identity"
  count  = local.in_cloud ? 1 : 0

  name            = var.name
  issuer          = "https://${var.cloud.issuer_domain}"
  jobs            = local.jobs
  buckets         = module.object_store.arns
  topics          = { alerts = module.alerts.topic }
  data_key_arn    = local.keys.data
  alerts_key_arn  = local.keys.alerts
  ci              = var.cloud.ci
  repository_arns = values(module.image_registry[0].arns)
  tags            = var.tags
}

module "nomad_cluster" {
  source = "../nomad_cluster"
  count  = local.in_cloud ? 1 : 0

  name            = var.name
  vpc_id          = module.network[0].vpc_id
  cidr            = module.network[0].cidr
  private_subnets = module.network[0].private_subnets
  ami_id          = var.cloud.ami_id
  nomad           = var.cloud.nomad
  issuer          = "https://${var.cloud.issuer_domain}"
  servers         = var.cloud.servers
  clients = merge(
    { for class, group in var.cloud.clients : class => merge(group, { subnet_ids = null, security_group_ids = [], volume = null }) },
    {
      cache = {
        instance_type      = var.cloud.cache.instance_type
        least              = 1
        most               = 1
        subnet_ids         = [module.network[0].private_subnets[var.cloud.zones[0]]]
        security_group_ids = [module.cache[0].security_group_id]
        volume             = { id = module.cache[0].volume_id, arn = module.cache[0].volume_arn }
      }
    },
  )
  secret_arns = { for name in local.cluster_secrets : name => module.secrets.arns["nomad-${name}"] }
  meta = {
    lake_bucket      = module.object_store.names["lake"]
    artifacts_bucket = module.object_store.names["artifacts"]
    nomad_address    = "https://${var.cloud.issuer_domain}"
  }
  keyring_key_arn = local.keys.nomad
  data_key_arn    = local.keys.data
  repository_arns = values(module.image_registry[0].arns)
  log_group       = module.observability[0].log_groups["jobs"]
  log_group_arns  = values(module.observability[0].log_group_arns)
  tags            = var.tags
}

module "cache" {
  source = "../cache"
  count  = local.in_cloud ? 1 : 0

  name                      = var.name
  vpc_id                    = module.network[0].vpc_id
  zone                      = var.cloud.zones[0]
  size_gib                  = var.cloud.cache.size_gib
  client_security_group_ids = { clients = module.nomad_cluster[0].client_security_group_id }
  kms_key_arn               = local.keys.data
  tags                      = var.tags
}

module "database" {
  source = "../database"
  count  = local.in_cloud ? 1 : 0

  name                      = var.name
  vpc_id                    = module.network[0].vpc_id
  subnet_ids                = values(module.network[0].database_subnets)
  client_security_group_ids = { clients = module.nomad_cluster[0].client_security_group_id }
  instance_class            = var.cloud.database.instance_class
  storage_gib               = var.cloud.database.storage_gib
  multi_az                  = var.cloud.database.multi_az
  backup_days               = var.cloud.database.backup_days
  performance_insights      = var.cloud.database.performance_insights
  deletion_protection       = !var.disposable
  kms_key_arn               = local.keys.data
  log_kms_key_arn           = local.keys.logs
  tags                      = var.tags
}

module "load_balancer" {
  source = "../load_balancer"
  count  = local.in_cloud ? 1 : 0

  name          = var.name
  vpc_id        = module.network[0].vpc_id
  subnet_ids    = values(module.network[0].public_subnets)
  domain        = var.cloud.domain
  zone_id       = var.cloud.zone_id
  allowed_cidrs = var.cloud.allowed_cidrs
  gateway = {
    port              = local.gateway_port
    security_group_id = module.nomad_cluster[0].client_security_group_id
    scaling_group     = module.nomad_cluster[0].client_groups["general"]
  }
  issuer = {
    domain            = var.cloud.issuer_domain
    port              = local.nomad_port
    security_group_id = module.nomad_cluster[0].server_security_group_id
    scaling_group     = module.nomad_cluster[0].server_group
  }
  log_bucket          = module.object_store.names["access-logs"]
  deletion_protection = !var.disposable
  tags                = var.tags
}

module "observability" {
  source = "../observability"
  count  = local.in_cloud ? 1 : 0

  name            = var.name
  log_groups      = ["jobs"]
  log_kms_key_arn = local.keys.logs
  topic_arn       = module.alerts.topic
  load_balancer = {
    arn_suffix              = module.load_balancer[0].arn_suffix
    target_group_arn_suffix = module.load_balancer[0].target_group_arn_suffix
  }
  database_identifier  = module.database[0].identifier
  database_storage_gib = var.cloud.database.storage_gib.initial
  scaling_groups = merge(
    { servers = { group = module.nomad_cluster[0].server_group, least = var.cloud.servers.number } },
    {
      for class, group in merge(var.cloud.clients, { cache = { least = 1 } }) :
      class => { group = module.nomad_cluster[0].client_groups[class], least = group.least }
    },
  )
  tags = var.tags
}

module "backup" {
  source = "../backup"
  count  = local.in_cloud ? 1 : 0

  name          = var.name
  kms_key_arn   = local.keys.data
  lock          = var.cloud.backup_lock
  force_destroy = var.disposable
  tags          = var.tags
}
