output "server_group" {
  description = "Name of the servers' Auto Scaling group."
  value       = aws_autoscaling_group.server.name
}

output "client_groups" {
  description = "Name of each Auto Scaling group of clients, by node class."
  value       = { for class, group in aws_autoscaling_group.client : class => group.name }
}

output "server_security_group_id" {
  description = "Security group of the servers."
  value       = aws_security_group.server.id
}

output "client_security_group_id" {
  description = "Security group of the clients and their tasks."
  value       = aws_security_group.client.id
}

output "policies" {
  description = "Policies of the machines' roles as JSON, for checks."
  value = merge(
    { server = data.aws_iam_policy_document.server.json },
    { for class, document in data.aws_iam_policy_document.client : class => document.json },
  )
}
