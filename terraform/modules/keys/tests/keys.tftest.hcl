mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name = "closecast-test"
}

run "every_key_rotates_and_is_not_lost_by_accident" {
  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.enable_key_rotation && key.deletion_window_in_days == 30])
    error_message = "Keys rotate each year and wait for thirty days before they are deleted."
  }

  assert {
    condition     = keys(aws_kms_alias.this) == ["alerts", "data", "logs", "nomad"]
    error_message = "Each key has a name."
  }
}

run "a_service_of_aws_uses_a_key_for_this_account_alone" {
  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.this : [
        for statement in document.statement : length(statement.condition) == 1
        if statement.sid != "AccountDecides"
      ]
    ]))
    error_message = "A service's statement names the account."
  }
}
