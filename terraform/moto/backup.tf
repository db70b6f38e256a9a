resource "aws_backup_selection" "this" {
  for_each = {}
}

resource "aws_backup_vault" "this" {
  force_destroy = false

  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

resource "aws_backup_plan" "this" {
  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}
