output "buckets" {
  description = "Bucket name by role."
  value       = module.platform.buckets
}

output "secret_arns" {
  description = "ARN of each secret, by name."
  value       = module.platform.secret_arns
}

output "alerts_topic" {
  description = "ARN of the topic that messages about alerts are published to."
  value       = module.platform.alerts_topic
}
