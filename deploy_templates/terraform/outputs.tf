# What `alur run`, `logs` and `status` read: the names of what was made.

output "jobs" {
  description = "Pipeline to Glue job."
  value       = { for name, job in aws_glue_job.this : name => job.name }
}

output "workflows" {
  description = "Scheduled pipeline to the Glue workflow that runs it and what comes after it."
  value       = { for root, workflow in aws_glue_workflow.this : root => workflow.name }
}

output "schedules" {
  description = "Scheduled pipeline to its schedule."
  value = { for root, schedule in aws_scheduler_schedule.this : root => {
    name     = schedule.name
    group    = schedule.group_name
    cron     = var.schedules[root].cron
    timezone = schedule.schedule_expression_timezone
    enabled  = schedule.state == "ENABLED"
  } }
}

output "roles" {
  description = "Pipeline to the ARN of its role."
  value       = local.role_arns
}

output "log_groups" {
  description = "Pipeline/output and pipeline/error to log group."
  value       = { for key, group in aws_cloudwatch_log_group.job : key => group.name }
}

output "buckets" {
  description = "Layer, and artifacts, to bucket."
  value       = local.buckets
}

output "artifacts_bucket" {
  description = "Bucket of the scripts, the libraries and the runs' summaries (runs/<pipeline>/<run>.json)."
  value       = local.buckets.artifacts
}

output "databases" {
  description = "Layer to Glue database."
  value       = local.databases
}

output "ledger_table" {
  description = "DynamoDB table of the ledger."
  value       = aws_dynamodb_table.ledger.name
}

output "landing" {
  description = "Where relative source patterns start."
  value       = var.landing
}

output "sns_topic" {
  description = "ARN of the topic that is told of failed runs."
  value       = aws_sns_topic.alarms.arn
}

output "kms_key" {
  description = "ARN of the customer key; null with the keys that AWS manages."
  value       = local.key_arn
}
