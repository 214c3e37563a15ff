# One role a job: it reads what its pipeline declares as sources, and writes its pipeline's target, nothing else.

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "job" {
  for_each = var.pipelines

  name               = local.role_names[each.key]
  description        = "Glue job ${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "job" {
  for_each = var.pipelines

  name   = "pipeline"
  role   = aws_iam_role.job[each.key].id
  policy = data.aws_iam_policy_document.job[each.key].json
}

locals {
  arn_prefix = {
    for service in ["glue", "logs"] : service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }

  # Per pipeline, the tables that it reads (its own target too, for its state) and the names that it writes.
  access = {
    for name, p in var.pipelines : name => {
      layer   = local.tables[p.target].layer
      writes  = [local.tables[p.target].name, "${local.tables[p.target].name}__rejects"]
      sources = [for table in p.source_tables : local.tables[table]]
      layers  = distinct([for table in concat([p.target], p.source_tables) : local.tables[table].layer])
      folders = [for folder in p.source_folders : local.folders[folder]]
    }
  }

  ledger_partitions = {
    for name, p in var.pipelines : name => {
      # The second holds one item, the schema's version.
      writes = ["${var.project}#${var.environment}#${p.target}", "${var.project}#${var.environment}"]
      reads  = [for table in p.source_tables : "${var.project}#${var.environment}#${table}"]
    }
  }
}

data "aws_iam_policy_document" "job" {
  for_each = var.pipelines

  statement {
    sid     = "Code"
    actions = ["s3:GetObject"]
    resources = concat(
      [aws_s3_object.script[each.key].arn],
      [for object in aws_s3_object.library : object.arn],
    )
  }

  statement {
    sid     = "Temporary"
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = [
      "${aws_s3_bucket.this["artifacts"].arn}/temp/${each.key}/*",
      "${aws_s3_bucket.this["artifacts"].arn}/spark-logs/${each.key}/*",
    ]
  }

  dynamic "statement" {
    for_each = length(local.access[each.key].folders) == 0 ? [] : [local.access[each.key].folders]

    content {
      sid       = "Landing"
      actions   = ["s3:GetObject", "s3:GetObjectVersion"]
      resources = [for f in statement.value : "arn:${local.partition}:s3:::${f.bucket}/${f.prefix}*"]
    }
  }

  dynamic "statement" {
    for_each = { for bucket in distinct([for f in local.access[each.key].folders : f.bucket]) : bucket => [
      for f in local.access[each.key].folders : f.prefix if f.bucket == bucket
    ] }

    content {
      actions   = ["s3:ListBucket"]
      resources = ["arn:${local.partition}:s3:::${statement.key}"]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = [for prefix in statement.value : "${prefix}*"]
      }
    }
  }

  # Spark asks for paths that are not there yet; without the whole bucket's listing S3 answers 403 instead of 404.
  statement {
    sid     = "ListLake"
    actions = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"]
    resources = concat(
      [aws_s3_bucket.this["artifacts"].arn],
      [for layer in local.access[each.key].layers : aws_s3_bucket.this[layer].arn],
    )
  }

  dynamic "statement" {
    for_each = length(local.access[each.key].sources) == 0 ? [] : [local.access[each.key].sources]

    content {
      sid       = "ReadTables"
      actions   = ["s3:GetObject"]
      resources = [for t in statement.value : "${aws_s3_bucket.this[t.layer].arn}/${t.name}/*"]
    }
  }

  statement {
    sid = "WriteTable"
    actions = [
      "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
    ]
    resources = [for t in local.access[each.key].writes : "${aws_s3_bucket.this[local.access[each.key].layer].arn}/${t}/*"]
  }

  statement {
    sid     = "ReadCatalog"
    actions = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:BatchGetPartition"]
    resources = concat(
      ["${local.arn_prefix.glue}:catalog"],
      # Spark's own start asks for these two databases, whether they exist or not.
      [for name in ["default", "global_temp"] : "${local.arn_prefix.glue}:database/${name}"],
      [for layer in local.access[each.key].layers : aws_glue_catalog_database.this[layer].arn],
      [for t in local.access[each.key].sources : "${local.arn_prefix.glue}:table/${aws_glue_catalog_database.this[t.layer].name}/${t.name}"],
    )
  }

  statement {
    sid = "WriteCatalog"
    actions = [
      "glue:BatchCreatePartition", "glue:BatchDeletePartition", "glue:BatchGetPartition", "glue:CreateTable",
      "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:UpdateTable",
    ]
    resources = concat(
      ["${local.arn_prefix.glue}:catalog", aws_glue_catalog_database.this[local.access[each.key].layer].arn],
      [for t in local.access[each.key].writes : "${local.arn_prefix.glue}:table/${aws_glue_catalog_database.this[local.access[each.key].layer].name}/${t}"],
    )
  }

  # A transaction needs the actions of its parts; IAM has none of its own for it.
  statement {
    sid = "WriteLedger"
    actions = [
      "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
      "dynamodb:Query", "dynamodb:UpdateItem",
    ]
    resources = [aws_dynamodb_table.ledger.arn]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = local.ledger_partitions[each.key].writes
    }
  }

  dynamic "statement" {
    for_each = length(local.ledger_partitions[each.key].reads) == 0 ? [] : [local.ledger_partitions[each.key].reads]

    content {
      sid       = "ReadLedger"
      actions   = ["dynamodb:GetItem", "dynamodb:Query"]
      resources = [aws_dynamodb_table.ledger.arn]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "dynamodb:LeadingKeys"
        values   = statement.value
      }
    }
  }

  # One object a run, below the job's own name.
  dynamic "statement" {
    for_each = startswith(coalesce(var.openlineage, "none"), "s3://") ? [trimsuffix(trimprefix(var.openlineage, "s3://"), "/")] : []

    content {
      sid       = "OpenLineage"
      actions   = ["s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/${each.key}/*"]
    }
  }

  # Glue's own groups too: what it logs before it has read the job's prefix goes there.
  statement {
    sid     = "Logs"
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [
      "${local.arn_prefix.logs}:log-group:/aws-glue/${local.name}/${each.key}/*",
      "${local.arn_prefix.logs}:log-group:/aws-glue/jobs/*",
    ]
  }

  # Metrics have no resources of their own: the namespace is what narrows this.
  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Glue"]
    }
  }
}
