# What every environment has: buckets, secrets and the topic for alerts.

locals {
  in_cloud = var.cloud != null
  # The cluster's own secrets, which its machines read when they boot, but for the key of the authority: with it one could be any
  # machine.
  cluster_secrets = toset([
    "authority", "gossip-key", "certificate-authority", "server-certificate", "client-certificate", "bootstrap-token",
    "client-introduction",
  ])
  secret_names = local.in_cloud ? setunion(var.secret_names, [for name in local.cluster_secrets : "nomad-${name}"]) : var.secret_names
  keys         = local.in_cloud ? module.keys[0].arns : { data = null, logs = null, alerts = null, nomad = null }
}

module "object_store" {
  source = "../object_store"

  name = var.name
  buckets = merge(
    { for role, bucket in var.buckets : role => merge(bucket, { access_logs = false, expiration_days = null }) },
    local.in_cloud ? {
      access-logs = { access_logs = true, expiration_days = 90, noncurrent_expiration_days = null, abort_multipart_days = null }
    } : {},
  )
  kms_key_arn   = local.keys.data
  require_tls   = local.in_cloud # LocalStack listens on plain HTTP, on this machine only.
  force_destroy = var.disposable
  tags          = var.tags
}

module "secrets" {
  source = "../secrets"

  name  = var.name
  names = local.secret_names
  # On LocalStack the names are those of production; the values open nothing. What opens that platform is in Nomad's Variables
  # alone. In AWS `just secrets` makes the values.
  filled               = !local.in_cloud
  values               = { for name in local.secret_names : name => "not kept in LocalStack" }
  recovery_window_days = var.disposable ? 0 : 30
  kms_key_arn          = local.keys.data
  tags                 = var.tags
}

module "alerts" {
  source = "../alerts"

  name          = var.name
  subscriptions = var.subscriptions
  kms_key_id    = local.keys.alerts
  tags          = var.tags
}
