# Schedules start workflows by the API itself, in their own time zone; a start that fails for an hour goes to the queue.

locals {
  any_schedule = length(var.schedules) > 0 ? 1 : 0

  # IAM takes 10,240 characters of a role's own policies (IAM quotas): of more workflows than fit, by their names' beginning.
  workflow_arns       = [for root in keys(var.schedules) : "${local.arn.glue}:workflow/${local.name}-${root}"]
  startable_workflows = length(join("", local.workflow_arns)) <= 8000 ? local.workflow_arns : ["${local.arn.glue}:workflow/${local.name}-*"]
}

resource "aws_scheduler_schedule_group" "this" {
  count = local.any_schedule

  name = local.name
}

resource "aws_sqs_queue" "missed" {
  count = local.any_schedule

  name                      = "${local.name}-missed-schedules"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = local.customer_key ? null : true
  kms_master_key_id         = local.key_arn
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.scheduled

  name                         = local.short_names[each.key]
  group_name                   = aws_scheduler_schedule_group.this[0].name
  description                  = var.schedules[each.key].description
  schedule_expression          = "cron(${var.schedules[each.key].cron})"
  schedule_expression_timezone = var.schedules[each.key].timezone
  state                        = var.schedules[each.key].enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = local.key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:glue:startWorkflowRun"
    role_arn = aws_iam_role.scheduler[0].arn
    input    = jsonencode({ Name = local.workflow_names[each.key] })

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 10
    }

    dead_letter_config {
      arn = aws_sqs_queue.missed[0].arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

data "aws_iam_policy_document" "scheduler_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# A dash more than any pipeline's role has: no pipeline can take the name.
resource "aws_iam_role" "scheduler" {
  count = local.any_schedule

  name               = "${local.name}-run-schedules"
  description        = "Starts the workflows of ${local.name}"
  assume_role_policy = data.aws_iam_policy_document.scheduler_assume.json
}

data "aws_iam_policy_document" "scheduler" {
  count = local.any_schedule

  statement {
    sid       = "Start"
    actions   = ["glue:StartWorkflowRun"]
    resources = local.startable_workflows
  }

  statement {
    sid       = "TellMissed"
    actions   = ["sqs:SendMessage"]
    resources = ["${local.arn.sqs}:${local.name}-missed-schedules"]
  }

  # The schedules' input and the queue are encrypted with the key.
  dynamic "statement" {
    for_each = local.customer_key ? [local.key_arn] : []

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.any_schedule

  name   = "schedules"
  role   = aws_iam_role.scheduler[0].id
  policy = data.aws_iam_policy_document.scheduler[0].json
}
