# A role for each job that needs AWS. A task shows its Nomad workload identity and gets an hour's credentials: no key is stored.

locals {
  host = trimprefix(var.issuer, "https://")
}

resource "aws_iam_openid_connect_provider" "nomad" {
  url            = var.issuer
  client_id_list = [var.audience]
  tags           = var.tags
}

data "aws_iam_policy_document" "trust" {
  for_each = var.jobs

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.nomad.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.host}:aud"
      values   = [var.audience]
    }

    # region:namespace:job:group:task:identity, each of them: another task of the same job gets nothing.
    condition {
      test     = "StringEquals"
      variable = "${local.host}:sub"
      values   = ["${var.nomad.region}:${var.nomad.namespace}:${each.key}:${each.key}:${each.key}:aws"]
    }
  }
}

resource "aws_iam_role" "job" {
  for_each = var.jobs

  name                 = "${var.name}-${each.key}"
  description          = "What the Nomad job ${each.key} may do"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
  tags                 = var.tags
}

resource "aws_iam_role_policy" "job" {
  for_each = var.jobs

  name   = "job"
  role   = aws_iam_role.job[each.key].id
  policy = data.aws_iam_policy_document.job[each.key].json
}
