output "jobs" {
  description = "Pipeline to Glue job."
  value       = { for name, job in aws_glue_job.this : name => job.name }
}

output "roles" {
  description = "Pipeline to the ARN of its role."
  value       = { for name, role in aws_iam_role.job : name => role.arn }
}

output "log_groups" {
  description = "Pipeline/output and pipeline/error to log group."
  value       = { for key, group in aws_cloudwatch_log_group.job : key => group.name }
}

output "buckets" {
  description = "Layer, and artifacts, to bucket."
  value       = { for kind, bucket in aws_s3_bucket.this : kind => bucket.id }
}

output "databases" {
  description = "Layer to Glue database."
  value       = { for layer, database in aws_glue_catalog_database.this : layer => database.name }
}

output "ledger_table" {
  description = "DynamoDB table of the ledger."
  value       = aws_dynamodb_table.ledger.name
}

output "landing" {
  description = "Where relative source patterns start."
  value       = var.landing
}
