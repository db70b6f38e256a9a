# Buckets that nobody outside can read, that forget no version, and that are encrypted at rest.

locals {
  # The key of each bucket's objects; none: S3's own.
  keys = { for role, bucket in var.buckets : role => bucket.access_logs ? null : var.kms_key_arn }
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV2_AWS_62: nothing waits for objects: flows write them, and know it
  # checkov:skip=CKV_AWS_144: versions are kept and the vault has copies; another region is another environment
  # checkov:skip=CKV_AWS_18: logging is by variable: the bucket of logs does not log itself
  for_each = var.buckets

  bucket        = "${var.name}-${each.key}"
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    bucket_key_enabled = local.keys[each.key] != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.keys[each.key] == null ? "AES256" : "aws:kms"
      kms_master_key_id = local.keys[each.key]
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = var.require_tls ? aws_s3_bucket.this : {}

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "RefusePlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [each.value.arn, "${each.value.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for accepted in [var.buckets[each.key].access_logs] : {
        Sid       = "TakeAccessLogs"
        Effect    = "Allow"
        Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = ["${each.value.arn}/AWSLogs/*"]
      } if accepted],
    )
  })

  # The policy API refuses while the block is being set.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = {
    for role, bucket in var.buckets : role => bucket
    if bucket.noncurrent_expiration_days != null || bucket.abort_multipart_days != null || bucket.expiration_days != null
  }

  bucket = aws_s3_bucket.this[each.key].id

  dynamic "rule" {
    for_each = each.value.noncurrent_expiration_days[*]

    content {
      id     = "expire-noncurrent-versions"
      status = "Enabled"
      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.expiration_days[*]

    content {
      id     = "expire"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.value.abort_multipart_days[*]

    content {
      id     = "abort-unfinished-uploads"
      status = "Enabled"
      filter {}

      abort_incomplete_multipart_upload {
        days_after_initiation = rule.value
      }
    }
  }

  # A rule about versions is refused while the bucket has none.
  depends_on = [aws_s3_bucket_versioning.this]
}
