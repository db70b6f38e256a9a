# Copies of what has the tag `backup`, in a vault of its own, on the schedule that the tag names.

resource "aws_backup_vault" "this" {
  name          = var.name
  kms_key_arn   = var.kms_key_arn
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_backup_vault_lock_configuration" "this" {
  for_each = var.lock == null ? {} : { this = var.lock }

  backup_vault_name   = aws_backup_vault.this.name
  min_retention_days  = each.value.least
  max_retention_days  = each.value.most
  changeable_for_days = each.value.changeable_days
}

resource "aws_backup_plan" "this" {
  for_each = var.plans

  name = "${var.name}-${each.key}"
  tags = var.tags

  rule {
    rule_name         = each.key
    target_vault_name = aws_backup_vault.this.name
    schedule          = each.value.schedule
    start_window      = 60
    completion_window = each.value.hours * 60

    lifecycle {
      delete_after = each.value.days
    }
  }
}

resource "aws_iam_role" "this" {
  name_prefix = "${var.name}-backup-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(["ForBackup", "ForRestores"])

  role       = aws_iam_role.this.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicy${each.key}"
}

resource "aws_backup_selection" "this" {
  for_each = var.plans

  name         = each.key
  plan_id      = aws_backup_plan.this[each.key].id
  iam_role_arn = aws_iam_role.this.arn

  selection_tag {
    type  = "STRINGEQUALS"
    key   = "backup"
    value = each.key
  }
}
