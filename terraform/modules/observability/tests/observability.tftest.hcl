mock_provider "aws" {}

variables {
  name                 = "closecast-test"
  log_groups           = ["api", "machines"]
  log_kms_key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/1"
  topic_arn            = "arn:aws:sns:eu-central-1:123456789012:closecast-test-alerts"
  load_balancer        = { arn_suffix = "app/closecast/1", target_group_arn_suffix = "targetgroup/closecast/1" }
  database_identifier  = "closecast-test"
  database_storage_gib = 50
  scaling_groups       = { servers = { group = "closecast-test-servers", least = 3 } }
}

run "logs_are_encrypted_and_not_kept_for_ever" {
  command = plan

  assert {
    condition     = alltrue([for one in aws_cloudwatch_log_group.this : one.kms_key_id == var.log_kms_key_arn && one.retention_in_days == 90])
    error_message = "Logs are encrypted, and kept for 90 days."
  }
}

run "every_alarm_is_told_and_so_is_its_end" {
  command = plan

  assert {
    condition     = alltrue([for one in aws_cloudwatch_metric_alarm.this : one.alarm_actions == toset([var.topic_arn]) && one.ok_actions == toset([var.topic_arn])])
    error_message = "Alarms go to the topic."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["too-few-servers"].threshold == 3 && aws_cloudwatch_metric_alarm.this["too-few-servers"].treat_missing_data == "breaching"
    error_message = "A lost server is an alarm, and so is silence about it."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["database-full"].threshold == 5368709120
    error_message = "A tenth of 50 GiB left is an alarm."
  }
}
