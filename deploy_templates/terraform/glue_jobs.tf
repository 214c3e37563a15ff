locals {
  log_groups = tomap({
    for pair in setproduct(keys(var.pipelines), ["output", "error"]) :
    "${pair[0]}/${pair[1]}" => "/aws-glue/${local.name}/${pair[0]}/${pair[1]}"
  })
  # From the groups themselves, so that a job waits for them. A `depends_on` would say the same with a line in
  # Terraform's graph from each job to each group of all jobs.
  log_prefixes = {
    for key, group in aws_cloudwatch_log_group.job : trimsuffix(key, "/output") => trimsuffix(group.name, "/output")
    if endswith(key, "/output")
  }

  # Only a job that touches an Iceberg table starts with Iceberg.
  iceberg_jobs = [
    for name, p in var.pipelines : name
    if length(setintersection(concat([p.target], p.source_tables), var.iceberg_tables)) > 0
  ]
  spark_conf = {
    for name in keys(var.pipelines) : name => merge(var.spark_conf, contains(local.iceberg_jobs, name) ? var.iceberg_conf : {})
  }

  # What a script needs to know of its environment, in one argument; without it the script runs on a local lake.
  arguments = {
    for name in keys(var.pipelines) : name => jsonencode({
      project     = var.project
      environment = var.environment
      pipeline    = name
      region      = local.region
      landing     = var.landing
      ledger      = { table = local.ledger_table }
      parameters  = var.parameters
      summaries   = "s3://${local.buckets.artifacts}/runs/${name}/"

      rejects_retention_days = var.rejects_retention_days
      openlineage            = var.openlineage

      lake = {
        for layer in local.layers : layer => { database = local.databases[layer], location = "s3://${local.buckets[layer]}/" }
      }
    })
  }
}

# Made here, not by Glue on its first run: only so do they have a retention.
resource "aws_cloudwatch_log_group" "job" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is log_retention_days, a setting of the environment
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = local.key_arn
}

resource "aws_glue_job" "this" {
  #checkov:skip=CKV_AWS_195:buckets and log groups are encrypted themselves; bookmarks, the third that it covers, are off
  for_each = local.pipelines

  name              = "${local.name}-${each.key}"
  description       = var.pipelines[each.key].description
  role_arn          = local.role_arns[each.key]
  glue_version      = var.glue_version
  job_mode          = "SCRIPT"
  worker_type       = var.pipelines[each.key].worker_type
  number_of_workers = var.pipelines[each.key].number_of_workers
  execution_class   = var.pipelines[each.key].execution_class
  timeout           = var.pipelines[each.key].timeout_minutes
  max_retries       = var.pipelines[each.key].max_retries

  # Glue queues only standard jobs that do not retry.
  job_run_queuing_enabled = var.pipelines[each.key].max_retries == 0 && var.pipelines[each.key].execution_class == "STANDARD"

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = local.script_uris[each.key]
  }

  execution_property {
    max_concurrent_runs = var.pipelines[each.key].max_concurrent_runs
  }

  default_arguments = merge(
    {
      "--alur"                         = local.arguments[each.key]
      "--extra-py-files"               = local.extra_py_files
      "--job-bookmark-option"          = "job-bookmark-disable"
      "--enable-auto-scaling"          = "true"
      "--enable-glue-datacatalog"      = "true"
      "--enable-job-insights"          = "true"
      "--enable-metrics"               = "true"
      "--enable-observability-metrics" = "true"
      "--enable-spark-ui"              = "true"
      "--spark-event-logs-path"        = "s3://${local.buckets.artifacts}/spark-logs/${each.key}/"
      "--TempDir"                      = "s3://${local.buckets.artifacts}/temp/${each.key}/"
      "--custom-logGroup-prefix"       = local.log_prefixes[each.key]
    },
    # Glue takes one --conf only: the further ones are chained inside its value.
    length(local.spark_conf[each.key]) == 0 ? {} : {
      "--conf" = join(" --conf ", [for key, value in local.spark_conf[each.key] : "${key}=${value}"])
    },
    contains(local.iceberg_jobs, each.key) ? { "--datalake-formats" = "iceberg" } : {},
    length(var.pipelines[each.key].python_modules) == 0 ? {} : { "--additional-python-modules" = join(",", var.pipelines[each.key].python_modules) },
  )
}
