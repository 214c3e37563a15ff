# A changed file is a new key: a run that is starting still finds its script, and going back is one apply.

resource "aws_s3_object" "script" {
  for_each = var.pipelines

  bucket      = aws_s3_bucket.this["artifacts"].id
  key         = "jobs/${each.key}-${substr(filesha256("${path.module}/../${each.value.script}"), 0, 16)}.py"
  source      = "${path.module}/../${each.value.script}"
  source_hash = filesha256("${path.module}/../${each.value.script}")

  lifecycle {
    create_before_destroy = true
  }
}

# Stored as .zip, which a wheel is: Spark puts archives of that name on the path of its Python workers, not .whl.
resource "aws_s3_object" "library" {
  for_each = toset(var.libraries)

  bucket      = aws_s3_bucket.this["artifacts"].id
  key         = "lib/${replace(basename(each.key), "/[.](whl|zip)$/", "")}-${substr(filesha256("${path.module}/../${each.key}"), 0, 16)}.zip"
  source      = "${path.module}/../${each.key}"
  source_hash = filesha256("${path.module}/../${each.key}")

  lifecycle {
    create_before_destroy = true
  }
}
