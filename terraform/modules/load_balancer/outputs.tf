output "url" {
  description = "Address of Closecast from outside."
  value       = "https://${var.domain}"
}

output "arn_suffix" {
  description = "The load balancer in the dimensions of alarms."
  value       = aws_lb.this.arn_suffix
}

output "target_group_arn_suffix" {
  description = "The target group in the dimensions of alarms."
  value       = aws_lb_target_group.gateway.arn_suffix
}
