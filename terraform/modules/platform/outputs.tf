output "buckets" {
  description = "Bucket name by role."
  value       = module.object_store.names
}

output "secret_arns" {
  description = "ARN of each secret, by name."
  value       = module.secrets.arns
}

output "alerts_topic" {
  description = "ARN of the topic that messages about alerts are published to."
  value       = module.alerts.topic
}

output "cloud" {
  description = "What jobs need to know of AWS; null where they run on a machine of one's own."
  value = local.in_cloud ? {
    url                = module.load_balancer[0].url
    gateway_port       = local.gateway_port
    instances          = { api = 2, gateway = max(1, sum([for group in var.cloud.clients : group.least]) - 1) }
    images             = module.image_registry[0].urls
    roles              = module.identity[0].role_arns
    ci_provider        = module.identity[0].ci_provider_arn
    ci_role            = module.identity[0].ci_role_arn
    database           = module.database[0].address
    database_superuser = module.database[0].superuser_secret_arn
    log_groups         = module.observability[0].log_groups
    network            = module.network[0].vpc_id
    server_group       = module.nomad_cluster[0].server_group
    client_groups      = module.nomad_cluster[0].client_groups
    backup_vault       = module.backup[0].vault
  } : null
}

output "policies" {
  description = "IAM policies of jobs and machines as JSON, for checks."
  value       = local.in_cloud ? merge(module.identity[0].policies, { for name, one in module.nomad_cluster[0].policies : "machine-${name}" => one }) : {}
}
