locals {
  name      = "${var.project}-${var.environment}"
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  layers    = ["bronze", "silver", "gold"]

  # Bucket names are shared by all of AWS: the account in them keeps two projects of one name apart.
  buckets = {
    for kind in concat(local.layers, ["artifacts"]) : kind => "${var.bucket}-${var.environment}-${kind}-${local.account}"
  }

  landing_bucket = var.landing == null ? null : split("/", var.landing)[2]

  # Glue and the ledger know a table as layer.table; S3 and IAM need the two parts.
  tables = {
    for table in distinct(flatten([for p in values(var.pipelines) : concat([p.target], p.source_tables)])) :
    table => { layer = split(".", table)[0], name = split(".", table)[1] }
  }

  # s3://bucket/a/b/ in the two parts that policies speak of.
  folders = {
    for folder in distinct(flatten([for p in values(var.pipelines) : p.source_folders])) :
    folder => { bucket = split("/", folder)[2], prefix = join("/", slice(split("/", folder), 3, length(split("/", folder)))) }
  }

  # A role's name ends at 64 characters.
  role_names = {
    for name in keys(var.pipelines) : name => (
      length("${local.name}-${name}") <= 64
      ? "${local.name}-${name}"
      : "${substr("${local.name}-${name}", 0, 55)}-${substr(sha256("${local.name}-${name}"), 0, 8)}"
    )
  }

  # Glue takes one --conf only: the further ones are chained inside its value.
  spark_conf = join(" --conf ", [for key, value in var.spark_conf : "${key}=${value}"])
}
