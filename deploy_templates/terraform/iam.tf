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

locals {
  new_roles = tomap({ for name in keys(var.pipelines) : name => name if !contains(keys(var.existing_roles), name) })
  role_arns = merge(
    { for name in keys(var.pipelines) : name => var.existing_roles[name] if contains(keys(var.existing_roles), name) },
    # By the policies, so that a job waits until its role may do something.
    { for name in keys(aws_iam_role_policy.job) : name => aws_iam_role.job[name].arn },
  )
  role_names = { for name, role in aws_iam_role.job : name => role.id }
  policies   = { for name, document in data.aws_iam_policy_document.job : name => document.minified_json }
}

resource "aws_iam_role" "job" {
  for_each = local.new_roles

  name               = local.short_names["${local.name}-${each.key}"]
  description        = "Glue job ${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "job" {
  for_each = local.new_roles

  name   = "pipeline"
  role   = local.role_names[each.key]
  policy = local.policies[each.key]

  lifecycle {
    precondition {
      condition     = length(local.policies[each.key]) <= 10240
      error_message = "The policy of ${each.key} is longer than the 10,240 characters that IAM takes: let it read fewer tables and folders, or give it a role of your own with existing_roles."
    }
  }
}

locals {
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
  for_each = local.new_roles

  statement {
    sid     = "Code"
    actions = ["s3:GetObject"]
    resources = concat(
      ["${local.bucket_arns.artifacts}/${local.script_keys[each.key]}"],
      [for key in values(local.library_keys) : "${local.bucket_arns.artifacts}/${key}"],
    )
  }

  statement {
    sid     = "Temporary"
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = [
      "${local.bucket_arns.artifacts}/temp/${each.key}/*",
      "${local.bucket_arns.artifacts}/spark-logs/${each.key}/*",
    ]
  }

  statement {
    sid       = "Summaries"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arns.artifacts}/runs/${each.key}/*"]
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
      [local.bucket_arns.artifacts],
      [for layer in local.access[each.key].layers : local.bucket_arns[layer]],
    )
  }

  dynamic "statement" {
    for_each = length(local.access[each.key].sources) == 0 ? [] : [local.access[each.key].sources]

    content {
      sid       = "ReadTables"
      actions   = ["s3:GetObject"]
      resources = [for t in statement.value : "${local.bucket_arns[t.layer]}/${t.name}/*"]
    }
  }

  statement {
    sid = "WriteTable"
    actions = [
      "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
    ]
    resources = [for t in local.access[each.key].writes : "${local.bucket_arns[local.access[each.key].layer]}/${t}/*"]
  }

  statement {
    sid     = "Databases"
    actions = ["glue:GetDatabase"]
    resources = concat(
      ["${local.arn.glue}:catalog"],
      # Spark's own start asks for these two databases, whether they exist or not.
      [for name in ["default", "global_temp"] : "${local.arn.glue}:database/${name}"],
      [for layer in local.access[each.key].layers : "${local.arn.glue}:database/${local.databases[layer]}"],
    )
  }

  # Of a table Glue wants the action allowed on the catalog and the database too.
  dynamic "statement" {
    for_each = length(local.access[each.key].sources) == 0 ? [] : [local.access[each.key].sources]

    content {
      sid     = "ReadCatalog"
      actions = ["glue:BatchGetPartition", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable"]
      resources = concat(
        ["${local.arn.glue}:catalog"],
        distinct([for t in statement.value : "${local.arn.glue}:database/${local.databases[t.layer]}"]),
        [for t in statement.value : "${local.arn.glue}:table/${local.databases[t.layer]}/${t.name}"],
      )
    }
  }

  statement {
    sid = "WriteCatalog"
    actions = [
      "glue:BatchCreatePartition", "glue:BatchDeletePartition", "glue:BatchGetPartition", "glue:CreateTable",
      "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:UpdateTable",
    ]
    resources = concat(
      ["${local.arn.glue}:catalog", "${local.arn.glue}:database/${local.databases[local.access[each.key].layer]}"],
      [for t in local.access[each.key].writes : "${local.arn.glue}:table/${local.databases[local.access[each.key].layer]}/${t}"],
    )
  }

  # A transaction needs the actions of its parts; IAM has none of its own for it.
  statement {
    sid = "WriteLedger"
    actions = [
      "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
      "dynamodb:Query", "dynamodb:UpdateItem",
    ]
    resources = ["${local.arn.dynamodb}:table/${local.ledger_table}"]

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
      resources = ["${local.arn.dynamodb}:table/${local.ledger_table}"]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "dynamodb:LeadingKeys"
        values   = statement.value
      }
    }
  }

  # AWS ends a secret's ARN with six characters of its own.
  dynamic "statement" {
    for_each = length(var.pipelines[each.key].secrets) == 0 ? [] : [var.pipelines[each.key].secrets]

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for name in statement.value : "${local.arn.secretsmanager}:secret:${name}-??????"]
    }
  }

  dynamic "statement" {
    for_each = local.customer_key ? [local.key_arn] : []

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
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
      "${local.arn.logs}:log-group:/aws-glue/${local.name}/${each.key}/*",
      "${local.arn.logs}:log-group:/aws-glue/jobs/*",
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
