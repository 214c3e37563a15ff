# The lake's buckets, one a layer, and one for scripts, libraries, temporary files and Spark's event logs.

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket        = each.value
  force_destroy = !var.protect_data
}

resource "aws_s3_bucket" "landing" {
  count = var.create_landing ? 1 : 0

  bucket        = local.landing_bucket
  force_destroy = !var.protect_data
}

locals {
  all_buckets = merge(
    { for kind, bucket in aws_s3_bucket.this : kind => bucket },
    { for bucket in aws_s3_bucket.landing : "landing" => bucket },
  )
  bucket_kinds = toset(concat(keys(local.buckets), var.create_landing ? ["landing"] : []))
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.bucket_kinds

  bucket                  = local.all_buckets[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.bucket_kinds

  bucket = local.all_buckets[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.bucket_kinds

  bucket = local.all_buckets[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

# With S3's own keys an object's ETag stays the MD5 of its content, by which a file delivered twice is recognised.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.bucket_kinds

  bucket = local.all_buckets[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# No rule ever expires an object of a layer or of the landing zone: only uploads that were never finished,
# versions that were replaced or deleted long ago, and what jobs left under temp/ and spark-logs/.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.bucket_kinds

  bucket     = local.all_buckets[each.key].id
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }
  }

  dynamic "rule" {
    for_each = each.key == "artifacts" ? { "temp/" = 7, "spark-logs/" = 30 } : {}

    content {
      id     = trimsuffix(rule.key, "/")
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.bucket_kinds

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.all_buckets[each.key].arn, "${local.all_buckets[each.key].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.bucket_kinds

  bucket     = local.all_buckets[each.key].id
  policy     = data.aws_iam_policy_document.tls_only[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}
