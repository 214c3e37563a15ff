"""Projects that the benchmarks of checking and exporting look at: a small one, and notebooks of many pipelines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alur_nb.authoring.layout import lay_out

SETTINGS = """[project]
name = "many"
class_archive = false

[env.dev]
region = "eu-central-1"
landing = "s3://acme-landing/"
bucket = "acme-lake"
"""
IMPORTS = "import json\n\nimport alur_nb\nfrom pyspark.sql import functions as F"
HELPER = "def tidied(rows):\n    return rows.withColumn('note', F.trim('note')).where(F.col('id') > LOWEST)"


def small(folder: Path, *cells: str) -> None:
    """Lay a project out in a folder, with further cells in its notebook."""
    laid = lay_out(folder)
    path = laid.root / "notebooks" / f"{laid.name}.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"] += [_cell(f"more-{number}", source) for number, source in enumerate(cells)]
    path.write_text(json.dumps(content), encoding="utf-8")


def many(folder: Path, count: int) -> Path:
    """Write a project of one notebook with so many pipelines, half of which read another one's table; return it.

    Each has a table of its own; all share imports, a helper and a constant that it needs.
    """
    (folder / "alur.toml").write_text(SETTINGS, encoding="utf-8")
    cells = ["%load_ext alur_nb", IMPORTS, "LOWEST = 0", HELPER]
    for number in range(count):
        cells += [
            f"%%alur_table t{number:04} --layer bronze\nid long not null comment 'a number'\nnote string",
            _pipeline(number, upstream=number - 1 if number % 2 else None),
        ]
    content = {
        "cells": [_cell(f"c{number}", source) for number, source in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = folder / "many.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _pipeline(number: int, *, upstream: int | None) -> str:
    source = (
        f"alur_nb.files('t{number:04}/*.csv')" if upstream is None else f"alur_nb.new(T{upstream:04}Bronze)"
    )
    return (
        f"# What the {number}th shop sends.\n"
        f"@alur_nb.expect(check_fn=alur_nb.row('id > 0'))\n"
        f"@alur_nb.pipeline(sources={{'rows': {source}}}, target=T{number:04}Bronze)\n"
        f"def load_{number:04}(rows):\n    return tidied(rows)"
    )


def _cell(name: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
