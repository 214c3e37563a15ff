# encryption = "customer-key": one key of your own for everything that holds data. It costs about a dollar a month.
# With it an object's ETag is no longer the MD5 of its content, so a file delivered again under another name is not
# recognised by content.

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:in a key's own policy "*" is this key
  #checkov:skip=CKV_AWS_111:in a key's own policy "*" is this key
  #checkov:skip=CKV_AWS_356:in a key's own policy "*" is this key
  count = local.customer_key ? 1 : 0

  # Without it nobody could administer the key; who may use it is then said by the roles' own policies.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["${local.arn.logs}:log-group:/aws-glue/${local.name}/*"]
    }
  }

  # Both publish to the encrypted topic.
  statement {
    sid       = "Notifications"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  count = local.customer_key ? 1 : 0

  description             = "Data of ${var.project}, environment ${var.environment}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[0].json
}

resource "aws_kms_alias" "this" {
  count = local.customer_key ? 1 : 0

  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this[0].key_id
}
