locals {
  log_groups = {
    for pair in setproduct(keys(var.pipelines), ["output", "error"]) :
    "${pair[0]}/${pair[1]}" => "/aws-glue/${local.name}/${pair[0]}/${pair[1]}"
  }

  # What a script needs to know of its environment, in one argument; without it the script runs on a local lake.
  arguments = {
    for name in keys(var.pipelines) : name => jsonencode({
      project     = var.project
      environment = var.environment
      pipeline    = name
      region      = local.region
      landing     = var.landing
      ledger      = { table = aws_dynamodb_table.ledger.name }
      parameters  = var.parameters

      rejects_retention_days = var.rejects_retention_days
      openlineage            = var.openlineage

      lake = {
        for layer in local.layers : layer => {
          database = aws_glue_catalog_database.this[layer].name
          location = "s3://${aws_s3_bucket.this[layer].id}/"
        }
      }
    })
  }
}

# Made here, not by Glue on its first run: only so do they have a retention.
resource "aws_cloudwatch_log_group" "job" {
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
}

resource "aws_glue_job" "this" {
  for_each = var.pipelines

  name              = "${local.name}-${each.key}"
  description       = each.value.description
  role_arn          = aws_iam_role.job[each.key].arn
  glue_version      = var.glue_version
  job_mode          = "SCRIPT"
  worker_type       = each.value.worker_type
  number_of_workers = each.value.number_of_workers
  execution_class   = each.value.execution_class
  timeout           = each.value.timeout_minutes
  max_retries       = each.value.max_retries

  # Glue queues only standard jobs that do not retry.
  job_run_queuing_enabled = each.value.max_retries == 0 && each.value.execution_class == "STANDARD"

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = "s3://${aws_s3_object.script[each.key].bucket}/${aws_s3_object.script[each.key].key}"
  }

  execution_property {
    max_concurrent_runs = each.value.max_concurrent_runs
  }

  default_arguments = merge(
    {
      "--alur"                         = local.arguments[each.key]
      "--extra-py-files"               = join(",", [for path in var.libraries : "s3://${aws_s3_object.library[path].bucket}/${aws_s3_object.library[path].key}"])
      "--job-bookmark-option"          = "job-bookmark-disable"
      "--enable-auto-scaling"          = "true"
      "--enable-glue-datacatalog"      = "true"
      "--enable-job-insights"          = "true"
      "--enable-metrics"               = "true"
      "--enable-observability-metrics" = "true"
      "--enable-spark-ui"              = "true"
      "--spark-event-logs-path"        = "s3://${aws_s3_bucket.this["artifacts"].id}/spark-logs/${each.key}/"
      "--TempDir"                      = "s3://${aws_s3_bucket.this["artifacts"].id}/temp/${each.key}/"
      "--custom-logGroup-prefix"       = "/aws-glue/${local.name}/${each.key}"
    },
    local.spark_conf == "" ? {} : { "--conf" = local.spark_conf },
    length(each.value.python_modules) == 0 ? {} : { "--additional-python-modules" = join(",", each.value.python_modules) },
  )

  depends_on = [aws_iam_role_policy.job, aws_cloudwatch_log_group.job]
}
