output "log_groups" {
  description = "Name of each log group, by what writes to it."
  value       = { for name, group in aws_cloudwatch_log_group.this : name => group.name }
}

output "log_group_arns" {
  description = "ARN of each log group, by what writes to it."
  value       = { for name, group in aws_cloudwatch_log_group.this : name => group.arn }
}
