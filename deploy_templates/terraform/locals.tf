locals {
  name         = "${var.project}-${var.environment}"
  account      = data.aws_caller_identity.current.account_id
  partition    = data.aws_partition.current.partition
  region       = data.aws_region.current.region
  layers       = ["bronze", "silver", "gold"]
  customer_key = var.encryption == "customer-key"
  key_arn      = one(aws_kms_key.this[*].arn)

  # ARNs are written out, and policies refer to resources through locals only: so a plan shows every policy in full,
  # before anything exists.
  arn = {
    for service in ["dynamodb", "glue", "logs", "secretsmanager", "sqs"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }

  # Bucket names are shared by all of AWS: the account in them keeps two projects of one name apart.
  new_buckets = {
    for kind in concat(local.layers, ["artifacts"]) : kind => "${var.bucket}-${var.environment}-${kind}-${local.account}"
    if !contains(keys(var.existing_buckets), kind)
  }
  landing_bucket = var.landing == null ? {} : { landing = split("/", var.landing)[2] }
  buckets        = merge(var.existing_buckets, { for kind, bucket in aws_s3_bucket.this : kind => bucket.bucket if kind != "landing" })
  bucket_arns    = { for kind, bucket in local.buckets : kind => "arn:${local.partition}:s3:::${bucket}" }

  ledger_table = aws_dynamodb_table.ledger.name

  databases = merge(var.existing_databases, { for layer, database in aws_glue_catalog_database.this : layer => database.name })

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

  # What there is one of for each pipeline and schedule: names alone. Terraform copies the whole of a `for_each` for
  # each of its instances, so one over the values themselves took most of the time of a plan of hundreds.
  pipelines = tomap({ for name in keys(var.pipelines) : name => name })
  scheduled = tomap({ for root in keys(var.schedules) : root => root })

  # The names of roles and schedules end at 64 characters; a longer one is cut, and told apart by a hash.
  short_names = {
    for name in concat([for p in keys(var.pipelines) : "${local.name}-${p}"], keys(var.pipelines)) :
    name => length(name) <= 64 ? name : "${substr(name, 0, 55)}-${substr(sha256(name), 0, 8)}"
  }
}
