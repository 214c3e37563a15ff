"""alur-nb: a Jupyter-first toolkit for data lakes on AWS.

The public names are imported on first use (PEP 562): a job on Glue imports `alur_nb.runtime` and nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "alur_nb.runtime.types": (
        "StringField IntegerField LongField DoubleField FloatField BooleanField TimestampField DateField "
        "DecimalField ArrayField StructField MapField BinaryField"
    ),
    "alur_nb.runtime.tables": "BaseTable BronzeTable SilverTable GoldTable year month day hour bucket",
    "alur_nb.runtime.quality": (
        "Severity not_empty min_row_count max_row_count no_nulls_in_column no_duplicates_in_column "
        "schema_has_columns column_values_in_range freshness_check values_in_set matches_pattern unique_key "
        "references row"
    ),
    "alur_nb.runtime.pipelines": "files new pipeline schedule expect",
    "alur_nb.runtime.project": "Project current_project",
    "alur_nb.runtime.errors": "AlurError",
    "alur_nb.runtime.context": "get_spark_session",
    "alur_nb.runtime.load": "load_to_bronze add_bronze_metadata validate_schema",
    "alur_nb.runtime.reading": "read read_rejects",
    "alur_nb.runtime.parameters": "parameter",
    "alur_nb.runtime.secrets": "secret",
    "alur_nb.authoring.operate": "run preview export check",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "AlurError",
    "ArrayField",
    "BaseTable",
    "BinaryField",
    "BooleanField",
    "BronzeTable",
    "DateField",
    "DecimalField",
    "DoubleField",
    "FloatField",
    "GoldTable",
    "IntegerField",
    "LongField",
    "MapField",
    "Project",
    "Severity",
    "SilverTable",
    "StringField",
    "StructField",
    "TimestampField",
    "__version__",
    "add_bronze_metadata",
    "bucket",
    "check",
    "column_values_in_range",
    "current_project",
    "day",
    "expect",
    "export",
    "files",
    "freshness_check",
    "get_spark_session",
    "hour",
    "load_ipython_extension",
    "load_to_bronze",
    "matches_pattern",
    "max_row_count",
    "min_row_count",
    "month",
    "new",
    "no_duplicates_in_column",
    "no_nulls_in_column",
    "not_empty",
    "parameter",
    "pipeline",
    "preview",
    "read",
    "read_rejects",
    "references",
    "row",
    "run",
    "schedule",
    "schema_has_columns",
    "secret",
    "unique_key",
    "validate_schema",
    "values_in_set",
    "year",
]

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from alur_nb.authoring.operate import check, export, preview, run
    from alur_nb.runtime.context import get_spark_session
    from alur_nb.runtime.errors import AlurError
    from alur_nb.runtime.load import add_bronze_metadata, load_to_bronze, validate_schema
    from alur_nb.runtime.parameters import parameter
    from alur_nb.runtime.pipelines import expect, files, new, pipeline, schedule
    from alur_nb.runtime.project import Project, current_project
    from alur_nb.runtime.quality import (
        Severity,
        column_values_in_range,
        freshness_check,
        matches_pattern,
        max_row_count,
        min_row_count,
        no_duplicates_in_column,
        no_nulls_in_column,
        not_empty,
        references,
        row,
        schema_has_columns,
        unique_key,
        values_in_set,
    )
    from alur_nb.runtime.reading import read, read_rejects
    from alur_nb.runtime.secrets import secret
    from alur_nb.runtime.tables import (
        BaseTable,
        BronzeTable,
        GoldTable,
        SilverTable,
        bucket,
        day,
        hour,
        month,
        year,
    )
    from alur_nb.runtime.types import (
        ArrayField,
        BinaryField,
        BooleanField,
        DateField,
        DecimalField,
        DoubleField,
        FloatField,
        IntegerField,
        LongField,
        MapField,
        StringField,
        StructField,
        TimestampField,
    )


def __getattr__(name: str) -> Any:
    """Import a public name from its home, once."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'alur_nb' has no attribute {name!r}")
    # The registry listens from here on: a script declares before anything else asks for its project.
    importlib.import_module("alur_nb.runtime.project")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(__all__)


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magics; called by `%load_ext alur_nb`."""
    from alur_nb.ui.magics import load

    load(ipython)
