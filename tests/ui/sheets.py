"""One of each report of a deployed environment, with as much in it as it can hold."""

from __future__ import annotations

from datetime import UTC, datetime

from alur_nb.authoring.cost import CostReport, PipelineCost
from alur_nb.authoring.definitions import Comparison, Difference
from alur_nb.authoring.deploy import DeployReport
from alur_nb.authoring.deploy_plan import read_plan
from alur_nb.authoring.environments import Environments
from alur_nb.authoring.job_runs import DeployedRun
from alur_nb.authoring.jobs import JobRun
from alur_nb.authoring.logs import LogLine, Logs
from alur_nb.authoring.schedule_times import Schedules, schedule_line
from alur_nb.authoring.status import PipelineStatus, Status
from alur_nb.runtime.schedules import Schedule
from tests.authoring.standin import change, plan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = JobRun(
    "ingest_orders",
    "jr_12ab",
    "FAILED",
    0,
    NOW,
    NOW,
    90,
    None,
    "G.1X",
    2,
    "5.1",
    "STANDARD",
    "exit code 1 <b>",
)
COST = CostReport("dev", 7, (PipelineCost("ingest_orders", 3, 1, 0.5, 0.22, 1),), {"Glue 5.1 STANDARD": 0.44})
LINE = schedule_line("ingest_orders", Schedule("0 6 * * ? *", "Europe/Berlin"), NOW)
JOB = {
    "name": "shop-dev-a",
    "worker_type": "G.1X",
    "number_of_workers": 2,
    "glue_version": "5.1",
    "timeout": 60,
}

SHEETS = {
    "CostReport": COST,
    "Comparison": Comparison(
        "dev", "prod", 2, (Difference("ingest_orders", "workers", "2 G.1X", "10 G.2X"),)
    ),
    "DeployReport": DeployReport(
        "dev",
        12,
        (("ingest_orders", "shop-dev-ingest_orders"),),
        (),
        ("a <b> warning",),
        (("ledger", "shop-dev-ledger"),),
    ),
    "DeployPlan": read_plan(
        plan(
            change("aws_glue_job.a", ["create"], None, {"name": "shop-dev-a"}),
            change("aws_dynamodb_table.ledger", ["delete"], {"name": "shop-dev-ledger"}),
            resources=[{"type": "aws_glue_job", "mode": "managed", "values": JOB}],
        ),
        environment="dev",
        account="123456789012",
        region="eu-central-1",
    ),
    "Environments": Environments((("dev", "123456789012", "eu-central-1", "s3://acme-landing/"),), "dev"),
    "DeployedRun": DeployedRun(
        "dev",
        (RUN,),
        errors={"jr_12ab": ("12:00:00 driver error: orders/1.csv, line 2",)},
        not_run=("clean_orders",),
    ),
    "Logs": Logs(RUN, (LogLine(NOW, "executor g-77", "error", "26/03/01 ERROR <x> & y"),), 12),
    "Schedules": Schedules("dev", (LINE,)),
    "Status": Status(
        "dev", (PipelineStatus("ingest_orders", RUN, LINE, NOW, ("other script",)),), COST, ("a note",), NOW
    ),
}
