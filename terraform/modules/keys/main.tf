# The keys that encrypt what is stored, and Nomad's keyring; each is used by the services that need it, in this account alone.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
  region  = data.aws_region.current.name
  number  = data.aws_caller_identity.current.account_id
  keys = {
    data   = "Data at rest: buckets, databases, secrets, volumes, images"
    logs   = "Logs"
    alerts = "Messages about alerts"
    nomad  = "Nomad's keyring: workload identities and Variables"
  }
  # Services of AWS that use a key beside the account's roles, and the proof that they do so for this account.
  services = {
    logs = [{
      service  = "logs.${local.region}.amazonaws.com"
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      value    = "arn:${data.aws_partition.current.partition}:logs:${local.region}:${local.number}:*"
    }]
    alerts = [{
      service  = "cloudwatch.amazonaws.com"
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      value    = local.number
    }]
  }
}

data "aws_iam_policy_document" "this" {
  # checkov:skip=CKV_AWS_109: the resource of a key's own policy is that key
  # checkov:skip=CKV_AWS_111: the resource of a key's own policy is that key
  # checkov:skip=CKV_AWS_356: the resource of a key's own policy is that key
  for_each = local.keys

  # IAM policies decide who uses the key: without this nobody could ever change it.
  statement {
    sid       = "AccountDecides"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.account]
    }
  }

  dynamic "statement" {
    for_each = lookup(local.services, each.key, [])

    content {
      sid       = "ServiceOfAws"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = statement.value.test
        variable = statement.value.variable
        values   = [statement.value.value]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  for_each = local.keys

  description             = each.value
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.this[each.key].json
  tags                    = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_kms_alias" "this" {
  for_each = aws_kms_key.this

  name          = "alias/${var.name}-${each.key}"
  target_key_id = each.value.key_id
}
