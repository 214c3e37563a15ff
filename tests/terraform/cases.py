"""A lake with a bit of everything: what the rehearsal plans and makes."""

from __future__ import annotations

from alur_nb.runtime.settings import Environment
from tests.authoring.terraform_cases import NASTY, at, manifest, pipeline, source

SETTINGS = Environment(
    "dev",
    landing="s3://acme-landing-dev/in",
    create_landing=True,
    region="eu-central-1",
    account_id="123456789012",
    bucket="acme",
    alarm_email="ann@example.org",
    tags={"Team": "Søndag & co"[:6]},
)

LONGEST = "p" * 100

LAKE = manifest(
    iceberg=("silver.customers", "gold.revenue", "bronze.corrections"),
    ingest_orders=pipeline(
        "ingest_orders",
        "bronze.orders",
        source(patterns=["orders/*.csv"]),
        description=NASTY,
        schedule=at("0 6 * * ? *", timezone="Europe/Berlin", description=NASTY),
        secrets=["shop/db"],
    ),
    ingest_customers=pipeline(
        "ingest_customers", "bronze.customers", source(patterns=["customers/*.csv", "s3://other/x/*.csv"])
    ),
    ingest_corrections=pipeline("ingest_corrections", "bronze.corrections", source(patterns=["late/*.csv"])),
    clean_customers=pipeline("clean_customers", "silver.customers", source("new", table="bronze.customers")),
    revenue=pipeline(
        "revenue",
        "gold.revenue",
        source("table", table="bronze.orders"),
        source("table", table="silver.customers"),
        python_modules=["holidays==0.40"],
        glue={"execution_class": "FLEX", "max_retries": 1, "worker_type": "G.2X", "number_of_workers": 10},
    ),
    **{LONGEST: pipeline(LONGEST, "bronze.t" + "t" * 119, source("new", table="bronze.orders"))},
)
