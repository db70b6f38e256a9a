output "names" {
  description = "Name of each bucket, by its role."
  value       = { for role, bucket in aws_s3_bucket.this : role => bucket.id }
}

output "arns" {
  description = "ARN of each bucket, by its role."
  value       = { for role, bucket in aws_s3_bucket.this : role => bucket.arn }
}
