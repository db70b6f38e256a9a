output "volume_id" {
  description = "Identifier of the volume; the instance that runs Valkey attaches it."
  value       = aws_ebs_volume.this.id
}

output "volume_arn" {
  description = "ARN of the volume."
  value       = aws_ebs_volume.this.arn
}

output "zone" {
  description = "Availability zone of the volume."
  value       = aws_ebs_volume.this.availability_zone
}

output "security_group_id" {
  description = "Group of the instance that runs Valkey."
  value       = aws_security_group.this.id
}
