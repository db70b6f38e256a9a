output "buckets" {
  description = "Bucket name by role."
  value       = module.object_store.names
}

output "secret_arns" {
  description = "ARN of each secret, by name."
  value       = module.secrets.arns
}
