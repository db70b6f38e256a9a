output "role_arns" {
  description = "ARN of each job's role, by job."
  value       = { for job, role in aws_iam_role.job : job => role.arn }
}

output "policies" {
  description = "Policy of each job's role as JSON, by job, and of `ci`, for checks."
  value = merge(
    { for job, document in data.aws_iam_policy_document.job : job => document.json },
    { for document in data.aws_iam_policy_document.ci : "ci" => document.json },
  )
}

output "ci_provider_arn" {
  description = "ARN of the provider for GitHub, for other environments of the account; null without one."
  value       = var.ci == null ? null : coalesce(var.ci.provider_arn, one([for provider in aws_iam_openid_connect_provider.github : provider.arn]))
}

output "ci_role_arn" {
  description = "ARN of the role of the workflows that build images; null without one."
  value       = one([for role in aws_iam_role.ci : role.arn])
}
