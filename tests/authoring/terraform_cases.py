"""Manifests as an export writes them, made by hand: what the tests of Terraform's values and its rehearsal start from."""

from __future__ import annotations

from typing import Any

from alur_nb.authoring.manifest import Manifest
from alur_nb.runtime.settings import Environment

DEV = Environment("dev", landing="s3://acme-landing-dev", region="eu-central-1", account_id="123456789012")
NASTY = 'It\'s "quoted",\nover two lines: ${path.module} %{ if true } \\ ünï € 🎉 {{ x }}'


def source(kind: str = "files", **values: Any) -> Any:
    """Return a source of a manifest; with nothing given it has neither patterns nor a table."""
    empty = {"parameter": None, "patterns": [], "table": None, "contract": None, "source_system": None}
    return {"kind": kind, "settings": {}, **empty, **values}


def at(cron: str, **values: Any) -> Any:
    """Return a schedule of a manifest."""
    usual = {"timezone": "UTC", "enabled": True, "description": None, "max_concurrent_runs": 1}
    return {"cron": cron, **usual, **values}


def pipeline(name: str, target: str, *sources: Any, **values: Any) -> Any:
    """Return a pipeline of a manifest; `glue` overlays its size."""
    glue = {
        "worker_type": "G.1X",
        "number_of_workers": 2,
        "execution_class": "STANDARD",
        "timeout_minutes": 60,
        "max_retries": 0,
        "max_concurrent_runs": 1,
        **values.pop("glue", {}),
    }
    return {
        "script": f"jobs/{name}.py",
        "hash": "0" * 64,
        "description": "",
        "target": target,
        "sources": list(sources),
        "schedule": None,
        "expectations": [],
        "columns": None,
        "not_traced": None,
        "lineage": {"level": "table", "reason": "it was not traced", "reads": [], "edges": []},
        "python_modules": [],
        "secrets": [],
        "glue": glue,
        **values,
    }


def manifest(*, iceberg: tuple[str, ...] = (), **pipelines: Any) -> Manifest:
    """Return a manifest of these pipelines, with the edges that follow from their tables."""
    writers = {entry["target"]: name for name, entry in pipelines.items()}
    read = {
        (source["table"], name)
        for name, entry in pipelines.items()
        for source in entry["sources"]
        if source["table"]
    }
    tables = {*writers, *(table for table, _ in read)}
    plain: Any = {"description": "", "columns": [], "partition_by": [], "primary_key": []}
    return Manifest(
        schema_version=1,
        alur_version="0.1.0",
        project="Shop",
        environment="dev",
        notebook="shop.ipynb",
        parameters={"limit": 10, "names": ["a", "b"]},
        libraries=["lib/alur_nb_runtime-0.1.0-py3-none-any.whl"],
        tables={
            name: {**plain, "format": "iceberg" if name in iceberg else "parquet"} for name in sorted(tables)
        },
        pipelines=pipelines,
        edges=sorted([writers[table], name] for table, name in read if table in writers),
        files={},
    )


SHOP = manifest(
    ingest_orders=pipeline(
        "ingest_orders", "bronze.orders", source(patterns=["orders/2024/*.csv"]), description=NASTY
    ),
    late_orders=pipeline(
        "late_orders",
        "bronze.late_orders",
        source("new", table="bronze.orders"),
        source("table", table="bronze.customers"),
        python_modules=["holidays==0.40"],
    ),
)
