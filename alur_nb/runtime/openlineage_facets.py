"""The two facets that say something of our own: from where columns come, and which checks a batch has passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alur_nb.runtime.checks import Check
from alur_nb.runtime.flow import Pipeline
from alur_nb.runtime.lineage import ColumnRef, PipelineLineage
from alur_nb.runtime.openlineage_datasets import Dataset, facet
from alur_nb.runtime.quality import CheckResult

# The spec's words for what lineage calls so (ColumnLineageDatasetFacet 1-2-0, `transformations`).
_TRANSFORMATIONS = {
    "direct": ("DIRECT", "IDENTITY"),
    "derived": ("DIRECT", "TRANSFORMATION"),
    "aggregated": ("DIRECT", "AGGREGATION"),
    "window": ("INDIRECT", "WINDOW"),
    "filter": ("INDIRECT", "FILTER"),
    "join": ("INDIRECT", "JOIN"),
    "group": ("INDIRECT", "GROUP_BY"),
    "sort": ("INDIRECT", "SORT"),
}


def column_lineage(
    lineage: PipelineLineage, inputs: Mapping[str, Sequence[Dataset]]
) -> dict[str, Any] | None:
    """Return the facet of the output; None where nothing is known of its columns."""
    fields: dict[str, dict[str, Any]] = {}
    for edge in lineage.columns:
        known = fields.setdefault(edge.target.column, {"inputFields": []})
        known["inputFields"] += _input_fields(edge.source, edge.kind, inputs)
    rows = [one for edge in lineage.rows for one in _input_fields(edge.source, edge.kind, inputs)]
    if not fields and not rows:
        return None
    values = {"fields": fields, "dataset": rows}
    return facet("ColumnLineageDatasetFacet", "1-2-0", values)


def _input_fields(
    source: ColumnRef, kind: str, inputs: Mapping[str, Sequence[Dataset]]
) -> list[dict[str, Any]]:
    kind, subtype = _TRANSFORMATIONS[kind]
    how = {"type": kind, "subtype": subtype, "description": "", "masking": False}
    return [
        {"namespace": one.namespace, "name": one.name, "field": source.column, "transformations": [how]}
        for one in inputs.get(source.table, ())
    ]


def assertions(pipeline: Pipeline, checks: Sequence[CheckResult]) -> dict[str, Any]:
    """Return the facet of the checks that a batch was judged by; the names are the declared ones."""
    declared = {expected.name: expected.check for expected in pipeline.expectations}
    listed = []
    for check in checks:
        rule = declared.get(check.name)
        one: dict[str, Any] = {
            "assertion": rule.rule if isinstance(rule, Check) else "custom",
            "success": check.passed,
            "severity": str(check.severity).lower(),
            "name": check.name,
            "actual": check.metric,
            "description": check.message,
        }
        if isinstance(rule, Check) and len(rule.columns) == 1:
            one["column"] = rule.columns[0]
        listed.append(one)
    return facet("DataQualityAssertionsDatasetFacet", "1-1-0", {"assertions": listed})
