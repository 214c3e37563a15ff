# `alur export` writes the values of all of these to alur.auto.tfvars.json; nothing here is edited by hand.

variable "project" {
  description = "Project name; it starts the name of every resource."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", var.project))
    error_message = "project: 2 to 32 of a-z, 0-9 and -, starting with a letter."
  }
}

variable "environment" {
  description = "Environment name, as in [env.NAME] of alur.toml."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,14}[a-z0-9]$", var.environment))
    error_message = "environment: 2 to 16 of a-z, 0-9 and -, starting with a letter."
  }
}

variable "region" {
  description = "AWS region of everything; null: the one that AWS_REGION or the profile names."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region: a region's name such as eu-central-1."
  }
}

variable "account_id" {
  description = "Refuse to run against any other account; null switches the check off."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: twelve digits."
  }
}

variable "bucket" {
  description = "Prefix of the bucket names; environment, layer and account follow it."
  type        = string

  validation {
    # 22 + environment (16) + artifacts (9) + account (12) + three dashes stay below the 63 that S3 allows.
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,21}$", var.bucket))
    error_message = "bucket: 2 to 22 of a-z, 0-9 and -."
  }
}

variable "landing" {
  description = "Where relative source patterns start: s3://bucket/prefix/. Null: every pattern is absolute."
  type        = string
  default     = null

  validation {
    condition     = var.landing == null || can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(.*/)?$", var.landing))
    error_message = "landing: s3://bucket/ or s3://bucket/prefix/, with a slash at its end."
  }
}

variable "create_landing" {
  description = "True: the landing bucket is made here. False: it exists already."
  type        = bool
  default     = false

  validation {
    condition     = !var.create_landing || var.landing != null
    error_message = "create_landing: say where with landing = s3://bucket/."
  }
}

variable "glue_version" {
  description = "Glue version of every job."
  type        = string
  default     = "5.1"

  validation {
    condition     = contains(["5.0", "5.1", "6.0"], var.glue_version)
    error_message = "glue_version: 5.0, 5.1 or 6.0."
  }
}

variable "spark_conf" {
  description = "Spark settings of every job, the same that the notebook's session has."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.spark_conf) : startswith(key, "spark.")])
    error_message = "spark_conf: every key starts with spark."
  }
}

variable "parameters" {
  description = "Values for the notebook's parameters cell."
  type        = any
  default     = {}
}

variable "iceberg_conf" {
  description = "Spark settings of the jobs that touch an Iceberg table, beside those of every job."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.iceberg_conf) : startswith(key, "spark.")])
    error_message = "iceberg_conf: every key starts with spark."
  }
}

variable "iceberg_tables" {
  description = "Those of the pipelines' tables, as layer.table, that are stored as Iceberg."
  type        = list(string)
  default     = []
}

variable "existing_tables" {
  description = "Tables, as layer.table, that the catalog has by now; the Iceberg ones among them are kept up by Glue."
  type        = list(string)
  default     = []
}

variable "encryption" {
  description = "Whose keys encrypt: aws-managed costs nothing, customer-key makes one KMS key for this environment."
  type        = string
  default     = "aws-managed"

  validation {
    condition     = contains(["aws-managed", "customer-key"], var.encryption)
    error_message = "encryption: aws-managed or customer-key."
  }
}

variable "tags" {
  description = "Tags of every resource, beside Project, Environment and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "existing_buckets" {
  description = "Buckets that are there already and stay as they are: bronze, silver, gold or artifacts to name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for kind in keys(var.existing_buckets) : contains(["bronze", "silver", "gold", "artifacts"], kind)])
    error_message = "existing_buckets: the keys are bronze, silver, gold and artifacts."
  }
}

variable "existing_databases" {
  description = "Glue databases that are there already: bronze, silver or gold to name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for layer in keys(var.existing_databases) : contains(["bronze", "silver", "gold"], layer)])
    error_message = "existing_databases: the keys are bronze, silver and gold."
  }
}

variable "existing_roles" {
  description = "Roles that are there already: pipeline to the ARN of the role that its job takes."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.existing_roles) : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/", arn))])
    error_message = "existing_roles: the values are ARNs of IAM roles."
  }
}

variable "alarm_email" {
  description = "Address that is told of failed runs; null: nobody."
  type        = string
  default     = null
}

variable "libraries" {
  description = "Python archives that every job gets, as paths in the bundle."
  type        = list(string)

  validation {
    condition     = length(var.libraries) > 0
    error_message = "libraries: at least the runtime's wheel."
  }
}

variable "pipelines" {
  description = "One Glue job and one role each."
  type = map(object({
    description         = string
    script              = string
    target              = string
    source_tables       = list(string)
    source_folders      = list(string)
    python_modules      = list(string)
    secrets             = list(string)
    worker_type         = string
    number_of_workers   = number
    execution_class     = string
    timeout_minutes     = number
    max_retries         = number
    max_concurrent_runs = number
  }))

  validation {
    condition     = alltrue([for name in keys(var.pipelines) : can(regex("^[A-Za-z_][A-Za-z0-9_-]*$", name))])
    error_message = "pipelines: a name is letters, digits, _ and -."
  }

  validation {
    condition = alltrue([
      for p in values(var.pipelines) :
      alltrue([for t in concat([p.target], p.source_tables) : can(regex("^(bronze|silver|gold)[.][a-z0-9_]+$", t))])
    ])
    error_message = "pipelines: target and source_tables are layer.table."
  }

  validation {
    condition = alltrue([
      for p in values(var.pipelines) : alltrue([for f in p.source_folders : can(regex("^s3://[^/*]+/([^*]*/)?$", f))])
    ])
    error_message = "pipelines: source_folders are s3://bucket/folder/, without patterns."
  }

  validation {
    condition     = alltrue([for p in values(var.pipelines) : contains(["STANDARD", "FLEX"], p.execution_class)])
    error_message = "pipelines: execution_class is STANDARD or FLEX."
  }

  validation {
    condition     = alltrue([for p in values(var.pipelines) : p.number_of_workers >= 2])
    error_message = "pipelines: Glue wants at least 2 workers, the driver is one of them."
  }
}

variable "schedules" {
  description = "By the pipeline that starts: when, and what comes after it, each with those of them that it waits for."
  type = map(object({
    cron                = string
    timezone            = string
    enabled             = bool
    description         = string
    max_concurrent_runs = number
    downstream          = map(list(string))
  }))
  default = {}

  validation {
    condition = alltrue(flatten([
      for root, s in var.schedules : [for name in flatten([root, keys(s.downstream), values(s.downstream)]) : contains(keys(var.pipelines), name)]
    ]))
    error_message = "schedules: every name is a pipeline."
  }
}

variable "log_retention_days" {
  description = "How long the jobs' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days: one of the numbers of days that CloudWatch knows, such as 30, 90 or 365."
  }
}

variable "rejects_retention_days" {
  description = "Rejected rows are deleted by the jobs after so many days; 0 keeps them as long as the data."
  type        = number
  default     = 0

  validation {
    condition     = var.rejects_retention_days >= 0 && floor(var.rejects_retention_days) == var.rejects_retention_days
    error_message = "rejects_retention_days: a whole number of days, 0 or more."
  }
}

variable "openlineage" {
  description = "Where the jobs' OpenLineage events go: s3://BUCKET/PREFIX/, an address, or nowhere."
  type        = string
  default     = null

  validation {
    condition     = var.openlineage == null ? true : can(regex("^(s3://[^/]+/|https?://[^/]+)", var.openlineage))
    error_message = "openlineage: s3://BUCKET/PREFIX/ or an http(s):// address."
  }
}

variable "protect_data" {
  description = "False: `terraform destroy` may empty the buckets and delete the ledger."
  type        = bool
  default     = true
}
