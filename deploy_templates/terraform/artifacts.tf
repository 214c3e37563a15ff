# A changed file is a new key: a run that is starting still finds its script, and going back is one apply.

locals {
  hashes = {
    for file in concat(var.libraries, [for p in values(var.pipelines) : p.script]) :
    file => filesha256("${path.module}/../${file}")
  }
  script_keys = { for name, p in var.pipelines : name => "jobs/${name}-${substr(local.hashes[p.script], 0, 16)}.py" }
  # Stored as .zip, which a wheel is: Spark puts archives of that name on the path of its Python workers, not .whl.
  library_keys = {
    for file in var.libraries :
    file => "lib/${replace(basename(file), "/[.](whl|zip)$/", "")}-${substr(local.hashes[file], 0, 16)}.zip"
  }
}

# Terraform builds the whole of a resource, with all of its instances, wherever one of them is named: for hundreds of
# pipelines this is done once, in locals such as these, not once an instance (200 pipelines: a third less time).
locals {
  script_uris    = { for name, object in aws_s3_object.script : name => "s3://${object.bucket}/${object.key}" }
  library_uris   = { for file, object in aws_s3_object.library : file => "s3://${object.bucket}/${object.key}" }
  extra_py_files = join(",", [for file in var.libraries : local.library_uris[file]])
}

resource "aws_s3_object" "script" {
  for_each = local.pipelines

  bucket      = local.buckets.artifacts
  key         = local.script_keys[each.key]
  source      = "${path.module}/../${var.pipelines[each.key].script}"
  source_hash = local.hashes[var.pipelines[each.key].script]
  kms_key_id  = local.key_arn
  depends_on  = [aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "library" {
  for_each = toset(var.libraries)

  bucket      = local.buckets.artifacts
  key         = local.library_keys[each.key]
  source      = "${path.module}/../${each.key}"
  source_hash = local.hashes[each.key]
  kms_key_id  = local.key_arn
  depends_on  = [aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this]

  lifecycle {
    create_before_destroy = true
  }
}
