output "address" {
  description = "Host and port: <host>:5432."
  value       = aws_db_instance.this.endpoint
}

output "identifier" {
  description = "Identifier of the instance, for alarms."
  value       = aws_db_instance.this.identifier
}

output "arn" {
  description = "ARN of the instance, for backups."
  value       = aws_db_instance.this.arn
}

output "superuser_secret_arn" {
  description = "ARN of the secret in which AWS keeps the superuser's password."
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, null)
}
