# Secrets whose values pass through Terraform without being written to its state.

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57: machines read them when they boot, so that a new value comes with new machines: `just secrets` makes it
  for_each = var.names

  name                    = "${var.name}/${each.key}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_days
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = var.filled ? aws_secretsmanager_secret.this : {}

  secret_id                = each.value.id
  secret_string_wo         = var.values[each.key]
  secret_string_wo_version = var.revision
}
