# The lake's buckets, one a layer, and one for scripts, libraries, temporary files, event logs and summaries of runs.
# What exists already is left as it is.

locals {
  made_buckets = merge(local.new_buckets, var.create_landing ? local.landing_bucket : {})
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:access logs cost, and need a bucket of their own: add them in a file of yours
  #checkov:skip=CKV_AWS_144:a copy in another region doubles the costs: add it in a file of yours
  #checkov:skip=CKV2_AWS_62:nothing waits for events, jobs list what is new
  for_each = local.made_buckets

  bucket        = each.value
  force_destroy = !var.protect_data
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.made_buckets

  bucket                  = aws_s3_bucket.this[each.key].bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.made_buckets

  bucket = aws_s3_bucket.this[each.key].bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.made_buckets

  bucket = aws_s3_bucket.this[each.key].bucket

  versioning_configuration {
    status = "Enabled"
  }
}

# With S3's own keys an object's ETag stays the MD5 of its content, by which a file delivered twice is recognised.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.made_buckets

  bucket = aws_s3_bucket.this[each.key].bucket

  rule {
    bucket_key_enabled = local.customer_key

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.customer_key ? "aws:kms" : "AES256"
      kms_master_key_id = local.key_arn
    }
  }
}

# No rule ever expires an object of a layer or of the landing zone: only uploads that were never finished,
# versions that were replaced or deleted long ago, and what jobs left in the artifacts' bucket.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.made_buckets

  bucket     = aws_s3_bucket.this[each.key].bucket
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
    for_each = each.key == "artifacts" ? { "temp/" = 7, "spark-logs/" = 30, "runs/" = 400 } : {}

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
  for_each = local.made_buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [for path in ["", "/*"] : "arn:${local.partition}:s3:::${each.value}${path}"]

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
  for_each = local.made_buckets

  bucket     = aws_s3_bucket.this[each.key].bucket
  policy     = data.aws_iam_policy_document.tls_only[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}
