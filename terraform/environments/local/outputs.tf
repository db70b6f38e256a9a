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
