mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/backup" }
  }
}

variables {
  name        = "closecast-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "what_has_the_tag_is_copied_and_encrypted" {
  assert {
    condition     = aws_backup_vault.this.kms_key_arn == var.kms_key_arn && !aws_backup_vault.this.force_destroy
    error_message = "The vault is encrypted, and not deleted with copies in it."
  }

  assert {
    condition     = alltrue([for name, one in aws_backup_selection.this : one(one.selection_tag).key == "backup" && one(one.selection_tag).value == name])
    error_message = "Each plan takes what has its name as the tag."
  }

  assert {
    condition     = one(aws_backup_plan.this["daily"].rule).lifecycle[0].delete_after == 35
    error_message = "Daily copies are kept for 35 days."
  }
}

run "no_lock_unless_asked_for" {
  assert {
    condition     = length(aws_backup_vault_lock_configuration.this) == 0
    error_message = "A lock cannot be lifted later, so it is asked for."
  }
}

run "with_a_lock_nobody_deletes_a_copy" {
  variables {
    plans = { daily = { schedule = "cron(0 2 * * ? *)", days = 35 } }
    lock  = { least = 7, most = 60, changeable_days = 3 }
  }

  assert {
    condition     = aws_backup_vault_lock_configuration.this["this"].min_retention_days == 7
    error_message = "The lock is on."
  }
}

run "a_plan_that_the_lock_forbids_is_refused" {
  command = plan

  variables {
    lock = { least = 7, most = 60, changeable_days = 3 }
  }

  expect_failures = [var.lock]
}

run "too_little_time_for_a_copy_is_refused" {
  command = plan

  variables {
    plans = { daily = { schedule = "cron(0 2 * * ? *)", days = 35, hours = 1 } }
  }

  expect_failures = [var.plans]
}
