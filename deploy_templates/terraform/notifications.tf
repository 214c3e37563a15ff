# Who is told when a run fails, and how to find out why. The topic is there without an address too: subscribe what you
# like to it in a file of your own.

resource "aws_sns_topic" "alarms" {
  name = "${local.name}-alarms"
  # SNS's own key would shut EventBridge out: its policy cannot be changed.
  kms_master_key_id = local.key_arn
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "FailedRuns"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.failed.arn]
    }
  }

  statement {
    sid       = "MissedSchedules"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# By the names' beginning: a pattern has no room for hundreds of names.
resource "aws_cloudwatch_event_rule" "failed" {
  name        = "${local.name}-failed"
  description = "A job of ${local.name} failed"

  event_pattern = jsonencode({
    source      = ["aws.glue"]
    detail-type = ["Glue Job State Change"]
    detail = {
      state   = ["FAILED", "TIMEOUT", "ERROR"]
      jobName = [{ prefix = "${local.name}-" }]
    }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule = aws_cloudwatch_event_rule.failed.name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths = {
      job   = "$.detail.jobName"
      run   = "$.detail.jobRunId"
      state = "$.detail.state"
    }
    # Each line is a string of its own; EventBridge puts them together.
    input_template = join("\n", [for line in [
      "The job <job> of ${local.name} ended as <state>, in its run <run>.",
      "What comes after it in its schedule was not started. Nothing was published twice: running it again is safe.",
      "PIPELINE is the job's name without ${local.name}-. In the project's folder:",
      "1. What happened: alur logs PIPELINE --env ${var.environment}",
      "2. Which file, which row, why: alur rejects PIPELINE --env ${var.environment} --last",
      "3. What a run would do now: alur plan PIPELINE --env ${var.environment}",
      "4. Run it again: alur run PIPELINE --env ${var.environment}",
      "5. Prove that nothing doubled: alur fsck PIPELINE --env ${var.environment}",
    ] : "\"${line}\""])
  }
}

# An alarm costs ten cents a month: only for those who gave an address.
resource "aws_cloudwatch_metric_alarm" "missed" {
  count = var.alarm_email == null ? 0 : local.any_schedule

  alarm_name          = "${local.name}-missed-schedules"
  alarm_description   = "A schedule of ${local.name} could not start its workflow within an hour; the queue has the reason."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.missed[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}
