# What the machines themselves may do. Jobs have roles of their own (module identity).

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

locals {
  account = "${data.aws_partition.current.partition}:autoscaling:${local.region}:${data.aws_caller_identity.current.account_id}"
}

data "aws_iam_policy_document" "server" {
  # AWS knows no resources for this action: it tells which instances there are.
  statement {
    sid       = "FindServers"
    actions   = ["ec2:DescribeInstances"]
    resources = ["*"]
  }

  statement {
    sid       = "Keyring"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]
    resources = [var.keyring_key_arn]
  }

  statement {
    sid     = "ReadSecrets"
    actions = ["secretsmanager:GetSecretValue"]
    resources = [
      for name in ["gossip-key", "certificate-authority", "server-certificate", "bootstrap-token"] : var.secret_arns[name]
    ]
  }

  statement {
    sid       = "IntroduceClients"
    actions   = ["secretsmanager:PutSecretValue"]
    resources = [var.secret_arns["client-introduction"]]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "client" {
  for_each = var.clients

  statement {
    sid       = "FindServersAndLogIn"
    actions   = ["ec2:DescribeInstances", "ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = var.repository_arns
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for arn in var.log_group_arns : "${arn}:*"]
  }

  statement {
    sid     = "ReadSecrets"
    actions = ["secretsmanager:GetSecretValue"]
    resources = [
      for name in ["certificate-authority", "client-certificate", "client-introduction"] : var.secret_arns[name]
    ]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "SayDrained"
    actions   = ["autoscaling:CompleteLifecycleAction"]
    resources = ["arn:${local.account}:autoScalingGroup:*:autoScalingGroupName/${var.name}-${each.key}"]
  }

  dynamic "statement" {
    for_each = each.value.volume[*]

    content {
      sid       = "AttachVolume"
      actions   = ["ec2:AttachVolume"]
      resources = [statement.value.arn]
    }
  }

  dynamic "statement" {
    for_each = each.value.volume[*]

    content {
      sid       = "AttachToItself"
      actions   = ["ec2:AttachVolume"]
      resources = ["arn:${data.aws_partition.current.partition}:ec2:${local.region}:${data.aws_caller_identity.current.account_id}:instance/*"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceTag/Name"
        values   = ["${var.name}-${each.key}"]
      }
    }
  }
}

resource "aws_iam_role" "server" {
  name_prefix        = "${var.name}-server-"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags
}

resource "aws_iam_role_policy" "server" {
  name   = "server"
  role   = aws_iam_role.server.id
  policy = data.aws_iam_policy_document.server.json
}

resource "aws_iam_instance_profile" "server" {
  name_prefix = "${var.name}-server-"
  role        = aws_iam_role.server.name
  tags        = var.tags
}

resource "aws_iam_role" "client" {
  for_each = var.clients

  name_prefix        = "${var.name}-${each.key}-"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags
}

resource "aws_iam_role_policy" "client" {
  for_each = var.clients

  name   = "client"
  role   = aws_iam_role.client[each.key].id
  policy = data.aws_iam_policy_document.client[each.key].json
}

resource "aws_iam_instance_profile" "client" {
  for_each = var.clients

  name_prefix = "${var.name}-${each.key}-"
  role        = aws_iam_role.client[each.key].name
  tags        = var.tags
}
