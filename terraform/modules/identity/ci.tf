# The role of the workflows that build images: GitHub's identity of one environment of one repository, and no key.

locals {
  ci = var.ci == null ? {} : { this = var.ci }
}

resource "aws_iam_openid_connect_provider" "github" {
  for_each = { for name, ci in local.ci : name => ci if ci.provider_arn == null }

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = var.tags
}

data "aws_iam_policy_document" "ci_trust" {
  for_each = local.ci

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [coalesce(each.value.provider_arn, one([for provider in aws_iam_openid_connect_provider.github : provider.arn]))]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${each.value.repository}:environment:${each.value.environment}"]
    }
  }
}

data "aws_iam_policy_document" "ci" {
  for_each = local.ci

  # The login itself names no repository.
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = var.repository_arns
  }
}

resource "aws_iam_role" "ci" {
  for_each = local.ci

  name                 = "${var.name}-ci"
  description          = "Workflows of ${each.value.repository} in ${each.value.environment}: they push images"
  assume_role_policy   = data.aws_iam_policy_document.ci_trust[each.key].json
  max_session_duration = 3600
  tags                 = var.tags
}

resource "aws_iam_role_policy" "ci" {
  for_each = local.ci

  name   = "push-images"
  role   = aws_iam_role.ci[each.key].id
  policy = data.aws_iam_policy_document.ci[each.key].json
}
