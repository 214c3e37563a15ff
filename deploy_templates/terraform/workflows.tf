# A schedule runs its pipeline, then everything after it that has no schedule of its own: one workflow each, since
# a workflow has one start and a job that was started from outside fires no trigger. Where a pipeline fails, what
# comes after it is not started.

locals {
  downstream = merge([
    for root, s in var.schedules : {
      for name, upstream in s.downstream : "${root}/${name}" => { root = root, pipeline = name, upstream = upstream }
    }
  ]...)
  followers      = tomap({ for key in keys(local.downstream) : key => key })
  job_names      = { for name, job in aws_glue_job.this : name => job.name }
  workflow_names = { for root, workflow in aws_glue_workflow.this : root => workflow.name }
  # A workflow takes a conditional trigger only once its start is there.
  started_workflows = { for root, start in aws_glue_trigger.start : root => start.workflow_name }
}

resource "aws_glue_workflow" "this" {
  for_each = local.scheduled

  name                = "${local.name}-${each.key}"
  description         = var.schedules[each.key].description
  max_concurrent_runs = var.schedules[each.key].max_concurrent_runs
}

resource "aws_glue_trigger" "start" {
  for_each = local.scheduled

  name          = "${local.name}-${each.key}"
  type          = "ON_DEMAND"
  workflow_name = local.workflow_names[each.key]

  actions {
    job_name = local.job_names[each.key]
  }
}

resource "aws_glue_trigger" "after" {
  for_each = local.followers

  name              = "${local.name}-${local.downstream[each.key].root}-${local.downstream[each.key].pipeline}"
  type              = "CONDITIONAL"
  workflow_name     = local.started_workflows[local.downstream[each.key].root]
  start_on_creation = true

  predicate {
    logical = "AND"

    dynamic "conditions" {
      for_each = local.downstream[each.key].upstream

      content {
        job_name = local.job_names[conditions.value]
        state    = "SUCCEEDED"
      }
    }
  }

  actions {
    job_name = local.job_names[local.downstream[each.key].pipeline]
  }
}
