# The databases are made here; the tables in them belong to the runtime, which creates and evolves them.
resource "aws_glue_catalog_database" "this" {
  for_each = toset([for layer in local.layers : layer if !contains(keys(var.existing_databases), layer)])

  name         = replace("${local.name}_${each.key}", "-", "_")
  description  = "The ${each.key} tables of ${var.project}, environment ${var.environment}"
  location_uri = "s3://${local.buckets[each.key]}/"
}
