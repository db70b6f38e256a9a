mock_provider "aws" {}

variables {
  name   = "closecast-test"
  names  = ["api-key", "cache"]
  values = { api-key = "one", cache = "two" }
}

run "each_name_has_a_secret_and_a_value" {
  command = plan

  assert {
    condition     = aws_secretsmanager_secret.this["api-key"].name == "closecast-test/api-key"
    error_message = "A secret is named after the prefix and its name."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.this) == 2
    error_message = "Every secret gets a value."
  }

  assert {
    condition     = alltrue([for one in aws_secretsmanager_secret_version.this : one.secret_string == null])
    error_message = "No value may stand where the state would keep it."
  }
}

run "an_impossible_recovery_window_is_refused" {
  command = plan

  variables {
    recovery_window_days = 3
  }

  expect_failures = [var.recovery_window_days]
}
