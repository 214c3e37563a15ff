run "plans" {
  command = plan

  assert {
    condition     = alltrue([for job in aws_glue_job.this : job.glue_version == "5.1" && job.job_mode == "SCRIPT"])
    error_message = "every job is a script on the environment's Glue"
  }

  assert {
    condition     = aws_dynamodb_table.ledger.point_in_time_recovery[0].enabled && length(aws_dynamodb_table.ledger.ttl) == 0
    error_message = "the ledger can be restored, and nothing in it expires"
  }

  assert {
    condition     = length(distinct(values(output.jobs))) == length(var.pipelines)
    error_message = "each pipeline has a job of its own"
  }
}

run "refuses_a_bad_environment" {
  command = plan

  variables {
    environment = "Production!"
  }

  expect_failures = [var.environment]
}

run "applies" {
  assert {
    condition     = toset(keys(output.workflows)) == toset(keys(var.schedules))
    error_message = "each schedule has a workflow"
  }
}
