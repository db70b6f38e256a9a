mock_provider "aws" {}

variables {
  name = "closecast-test"
}

run "the_topic_is_named_after_the_prefix" {
  command = plan

  assert {
    condition     = aws_sns_topic.this.name == "closecast-test-alerts"
    error_message = "The topic is named after the prefix."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.this) == 0
    error_message = "Nobody is subscribed unless named."
  }
}

run "who_is_named_is_subscribed" {
  command = plan

  variables {
    subscriptions = { on-call = { protocol = "email", endpoint = "on-call@example.com" } }
  }

  assert {
    condition     = aws_sns_topic_subscription.this["on-call"].endpoint == "on-call@example.com"
    error_message = "A subscription goes to its endpoint."
  }
}

run "a_protocol_in_clear_is_refused" {
  command = plan

  variables {
    subscriptions = { hook = { protocol = "http", endpoint = "http://example.com" } }
  }

  expect_failures = [var.subscriptions]
}
