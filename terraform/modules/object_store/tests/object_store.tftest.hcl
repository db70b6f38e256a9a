mock_provider "aws" {}

variables {
  name    = "closecast-test"
  buckets = { lake = {}, artifacts = { noncurrent_expiration_days = 30, abort_multipart_days = 7 } }
}

run "buckets_are_private_versioned_and_encrypted" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this["lake"].bucket == "closecast-test-lake"
    error_message = "A bucket is named after the prefix and its role."
  }

  assert {
    condition     = alltrue([for one in aws_s3_bucket_versioning.this : one.versioning_configuration[0].status == "Enabled"])
    error_message = "Every bucket keeps versions."
  }

  assert {
    condition = alltrue([
      for one in aws_s3_bucket_public_access_block.this :
      one.block_public_acls && one.block_public_policy && one.ignore_public_acls && one.restrict_public_buckets
    ])
    error_message = "Every bucket is closed to the public."
  }

  assert {
    condition = alltrue([
      for each in aws_s3_bucket_server_side_encryption_configuration.this :
      one(one(each.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    ])
    error_message = "Objects are encrypted."
  }
}

run "lifecycle_rules_only_where_asked_for" {
  command = plan

  assert {
    condition     = keys(aws_s3_bucket_lifecycle_configuration.this) == ["artifacts"]
    error_message = "Only the bucket that asks for a rule has a lifecycle configuration."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this["artifacts"].rule) == 2
    error_message = "Both rules that were asked for are there."
  }
}

run "plain_http_is_refused_unless_switched_off" {
  command = plan

  variables {
    require_tls = false
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0
    error_message = "Without require_tls there is no policy."
  }
}

run "bad_names_are_refused" {
  command = plan

  variables {
    name = "Not A Bucket"
  }

  expect_failures = [var.name]
}

run "no_bucket_is_refused" {
  command = plan

  variables {
    buckets = {}
  }

  expect_failures = [var.buckets]
}

run "a_bucket_takes_access_logs_from_load_balancers_alone" {
  variables {
    buckets     = { logs = { access_logs = true, expiration_days = 90 }, lake = {} }
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = [for one in jsondecode(aws_s3_bucket_policy.this["logs"].policy).Statement : one.Sid] == ["RefusePlainHttp", "TakeAccessLogs"]
    error_message = "The bucket for access logs takes them."
  }

  assert {
    condition     = [for one in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement : one.Sid] == ["RefusePlainHttp"]
    error_message = "Other buckets take none."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this["logs"].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "AWS writes access logs with S3's own key."
  }
}
