# The ledger: which file is in which batch, and each batch's state. Nothing in it expires; losing an item would
# load its files a second time. (Without a customer key it is encrypted with DynamoDB's own, which costs nothing.)
resource "aws_dynamodb_table" "ledger" {
  name                        = "${local.name}-ledger"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.protect_data

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "server_side_encryption" {
    for_each = local.customer_key ? [local.key_arn] : []

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}
