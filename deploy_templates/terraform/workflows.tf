# A schedule runs its pipeline, then everything after it that has no schedule of its own: one workflow each, since
# a workflow has one start and a job that was started from outside fires no trigger. Where a pipeline fails, what
# comes after it is not started.

locals {
  downstream = merge([
    for root, s in var.schedules : {
      for name, upstream in s.downstream : "${root}/${name}" => { root = root, pipeline = name, upstream = upstream }
    }
  ]...)
  job_names      = { for name, job in aws_glue_job.this : name => job.name }
  workflow_names = { for root, workflow in aws_glue_workflow.this : root => workflow.name }
}

resource "aws_glue_workflow" "this" {
  for_each = var.schedules

  name                = "${local.name}-${each.key}"
  description         = each.value.description
  max_concurrent_runs = each.value.max_concurrent_runs
}

resource "aws_glue_trigger" "start" {
  for_each = var.schedules

  name          = "${local.name}-${each.key}"
  type          = "ON_DEMAND"
  workflow_name = local.workflow_names[each.key]

  actions {
    job_name = local.job_names[each.key]
  }
}

resource "aws_glue_trigger" "after" {
  for_each = local.downstream

  name              = "${local.name}-${each.value.root}-${each.value.pipeline}"
  type              = "CONDITIONAL"
  workflow_name     = local.workflow_names[each.value.root]
  start_on_creation = true

  predicate {
    logical = "AND"

    dynamic "conditions" {
      for_each = each.value.upstream

      content {
        job_name = local.job_names[conditions.value]
        state    = "SUCCEEDED"
      }
    }
  }

  actions {
    job_name = local.job_names[each.value.pipeline]
  }

  # A workflow takes a conditional trigger only once its start is there.
  depends_on = [aws_glue_trigger.start]
}
