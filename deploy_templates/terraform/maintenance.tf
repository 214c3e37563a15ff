# Glue's own upkeep of Iceberg tables: small files together, old snapshots and lost files away. It works, and costs,
# only where there is something to do. A table is made by its first run, so those that exist are told by
# -var=existing_tables=[...], as `alur deploy` does.

locals {
  maintained = {
    for pair in setproduct(setintersection(var.existing_tables, var.iceberg_tables), ["compaction", "retention", "orphan_file_deletion"]) :
    "${pair[0]}/${pair[1]}" => {
      layer = split(".", pair[0])[0]
      table = split(".", pair[0])[1]
      type  = pair[1]
    }
  }
  maintained_layers = toset([for m in values(local.maintained) : m.layer])
}

resource "aws_glue_catalog_table_optimizer" "this" {
  for_each = local.maintained

  catalog_id    = local.account
  database_name = local.databases[each.value.layer]
  table_name    = each.value.table
  type          = each.value.type

  configuration {
    role_arn = aws_iam_role.maintenance[0].arn
    enabled  = true

    dynamic "retention_configuration" {
      for_each = each.value.type == "retention" ? [7] : []

      content {
        iceberg_configuration {
          snapshot_retention_period_in_days = retention_configuration.value
          number_of_snapshots_to_retain     = 3
          clean_expired_files               = true
        }
      }
    }

    # Only below data/: batches that wait for their publish are staged beside it, and no snapshot knows of them.
    dynamic "orphan_file_deletion_configuration" {
      for_each = each.value.type == "orphan_file_deletion" ? [7] : []

      content {
        iceberg_configuration {
          orphan_file_retention_period_in_days = orphan_file_deletion_configuration.value
          location                             = "s3://${local.buckets[each.value.layer]}/${each.value.table}/data/"
        }
      }
    }
  }

  depends_on = [aws_iam_role_policy.maintenance]
}

resource "aws_iam_role" "maintenance" {
  count = length(local.maintained) > 0 ? 1 : 0

  name               = "${local.name}-keep-tables"
  description        = "Glue's table optimizers in ${local.name}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "maintenance" {
  count = length(local.maintained) > 0 ? 1 : 0

  name   = "tables"
  role   = aws_iam_role.maintenance[0].id
  policy = data.aws_iam_policy_document.maintenance[0].json
}

# What the optimizers need (AWS Glue, "Table optimization prerequisites"), for the listed tables alone.
data "aws_iam_policy_document" "maintenance" {
  count = length(local.maintained) > 0 ? 1 : 0

  statement {
    sid       = "Files"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = distinct([for m in values(local.maintained) : "${local.bucket_arns[m.layer]}/${m.table}/*"])
  }

  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [for layer in local.maintained_layers : local.bucket_arns[layer]]
  }

  statement {
    sid     = "Tables"
    actions = ["glue:GetTable", "glue:UpdateTable"]
    resources = concat(
      ["${local.arn.glue}:catalog"],
      [for layer in local.maintained_layers : "${local.arn.glue}:database/${local.databases[layer]}"],
      distinct([for m in values(local.maintained) : "${local.arn.glue}:table/${local.databases[m.layer]}/${m.table}"]),
    )
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for type in ["compaction", "orphan-file-deletion", "retention"] : "${local.arn.logs}:log-group:/aws-glue/iceberg-${type}/logs:*"]
  }

  dynamic "statement" {
    for_each = local.customer_key ? [local.key_arn] : []

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}
