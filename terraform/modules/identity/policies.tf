# What each job may do, statement by statement; a job without a right has no statement about it.

locals {
  # By job: [bucket's ARN, prefix] of each place.
  read  = { for job, may in var.jobs : job => [for place in may.read : regex("^([^/]+)/(.*)$", place)] }
  write = { for job, may in var.jobs : job => [for place in may.write : regex("^([^/]+)/(.*)$", place)] }
}

data "aws_iam_policy_document" "job" {
  for_each = var.jobs

  dynamic "statement" {
    for_each = length(local.read[each.key]) > 0 ? [1] : []

    content {
      sid       = "Read"
      actions   = ["s3:GetObject"]
      resources = [for place in local.read[each.key] : "${var.buckets[place[0]]}/${place[1]}*"]
    }
  }

  dynamic "statement" {
    for_each = toset([for place in local.read[each.key] : place[0]])

    content {
      sid       = "List${replace(title(statement.value), "-", "")}"
      actions   = ["s3:ListBucket"]
      resources = [var.buckets[statement.value]]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = [for place in local.read[each.key] : "${place[1]}*" if place[0] == statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = length(local.write[each.key]) > 0 ? [1] : []

    content {
      sid       = "Write"
      actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
      resources = [for place in local.write[each.key] : "${var.buckets[place[0]]}/${place[1]}*"]
    }
  }

  dynamic "statement" {
    for_each = length(concat(local.read[each.key], local.write[each.key])) > 0 ? [1] : []

    content {
      sid = "Encrypt"
      # An upload in parts is put together by decrypting them.
      actions   = length(local.write[each.key]) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = [var.data_key_arn]

      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["s3.*.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(each.value.publish) > 0 ? [1] : []

    content {
      sid       = "Publish"
      actions   = ["sns:Publish"]
      resources = [for topic in each.value.publish : var.topics[topic]]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.publish) > 0 ? [1] : []

    content {
      sid       = "EncryptMessages"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.alerts_key_arn]
    }
  }
}
