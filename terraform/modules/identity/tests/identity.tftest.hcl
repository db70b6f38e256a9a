mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/example" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/job" }
  }
}

variables {
  name           = "closecast-test"
  issuer         = "https://nomad.example.com"
  buckets        = { lake = "arn:aws:s3:::lake", artifacts = "arn:aws:s3:::artifacts" }
  topics         = { alerts = "arn:aws:sns:eu-central-1:123456789012:alerts" }
  data_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/1"
  alerts_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2"
  jobs = {
    api    = { read = ["lake/silver/", "lake/newest/"] }
    trial  = { read = ["lake/silver/"], write = ["lake/leases/"] }
    alerts = { publish = ["alerts"] }
  }
}

run "a_role_is_one_tasks_alone" {
  assert {
    condition = toset(flatten([for one in data.aws_iam_policy_document.trust["api"].statement[0].condition : one.values])) == toset([
      "aws", "global:default:api:api:api:aws",
    ])
    error_message = "Audience and subject are named in full."
  }

  assert {
    condition     = alltrue(flatten([for document in data.aws_iam_policy_document.trust : [for condition in document.statement[0].condition : condition.test == "StringEquals"]]))
    error_message = "No pattern decides who gets a role."
  }
}

run "a_job_reads_and_writes_where_it_must" {
  assert {
    condition     = [for one in data.aws_iam_policy_document.job["api"].statement : one.sid] == ["Read", "ListLake", "Encrypt"]
    error_message = "The API reads, and does nothing else."
  }

  assert {
    condition     = data.aws_iam_policy_document.job["api"].statement[0].resources == toset(["arn:aws:s3:::lake/silver/*", "arn:aws:s3:::lake/newest/*"])
    error_message = "It reads below its prefixes."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.job["api"].statement[1].condition).values == tolist(["silver/*", "newest/*"])
    error_message = "It lists below its prefixes."
  }

  assert {
    condition     = data.aws_iam_policy_document.job["trial"].statement[2].resources == toset(["arn:aws:s3:::lake/leases/*"])
    error_message = "A trial writes its leases alone."
  }

  assert {
    condition     = [for one in data.aws_iam_policy_document.job["alerts"].statement : one.sid] == ["Publish", "EncryptMessages"]
    error_message = "Alerts publishes, and reads no object."
  }
}

run "no_statement_has_a_wildcard_as_its_action_or_resource" {
  assert {
    condition = alltrue(flatten([for document in data.aws_iam_policy_document.job : [
      for statement in document.statement : [
        alltrue([for action in statement.actions : !strcontains(action, "*")]),
        !contains(statement.resources, "*"),
      ]
    ]]))
    error_message = "Actions and resources are named."
  }
}

run "nobody_builds_images_unless_named" {
  assert {
    condition     = length(aws_iam_role.ci) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "There is no role for CI by itself."
  }
}

run "workflows_of_one_environment_push_images" {
  variables {
    ci              = { repository = "acme/closecast", environment = "production" }
    repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/closecast-test/api"]
  }

  assert {
    condition     = contains(flatten([for one in data.aws_iam_policy_document.ci_trust["this"].statement[0].condition : one.values]), "repo:acme/closecast:environment:production")
    error_message = "The environment is named in full."
  }
}

run "the_accounts_provider_is_used_where_there_is_one" {
  variables {
    ci              = { repository = "acme/closecast", environment = "production", provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
    repository_arns = ["arn:aws:ecr:eu-central-1:123456789012:repository/closecast-test/api"]
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && one(data.aws_iam_policy_document.ci_trust["this"].statement[0].principals).identifiers == toset([var.ci.provider_arn])
    error_message = "No second provider is made."
  }
}

run "an_issuer_without_tls_is_refused" {
  command = plan

  variables {
    issuer = "http://nomad.example.com"
  }

  expect_failures = [var.issuer]
}

run "a_pattern_in_a_place_is_refused" {
  command = plan

  variables {
    jobs = { api = { read = ["lake/*"] } }
  }

  expect_failures = [var.jobs]
}
