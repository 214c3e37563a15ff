# The databases are made here; the tables in them belong to the runtime, which creates and evolves them.
resource "aws_glue_catalog_database" "this" {
  for_each = toset(local.layers)

  name         = replace("${local.name}_${each.key}", "-", "_")
  description  = "The ${each.key} tables of ${var.project}, environment ${var.environment}"
  location_uri = "s3://${aws_s3_bucket.this[each.key].id}/"
}
