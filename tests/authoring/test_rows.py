"""Rows as Python's own values, the same whatever clock this process has."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from alur_nb.authoring.query import query
from alur_nb.authoring.rows import first_rows
from alur_nb.runtime.project import Project
from alur_nb.runtime.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_moments_are_utc_whatever_this_process_has_for_a_clock(
    spark: SparkSession, workspace: Workspace, project: Project, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "select timestamp '2026-03-04 05:06:07.5' at, array(timestamp '2026-03-04 00:00:00') inside, id from range(2)"
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            found = query(text, project, workspace, rows=1)
    finally:
        time.tzset()
    at, inside = datetime(2026, 3, 4, 5, 6, 7, 500_000, UTC), datetime(2026, 3, 4, tzinfo=UTC)
    assert (found.rows, found.is_complete) == (((at, [inside], 0),), False)
    assert "2026-03-04 05:06:07.500000+00:00" in str(found)


def test_values_have_pythons_types_and_columns_may_share_a_name(spark: SparkSession) -> None:
    frame = spark.sql(
        "select 1 a, 2 a, map('k', named_struct('d', 1.50)) m, X'00ff' b, timestamp '9999-12-31 23:59:59' end, "
        "cast(null as timestamp) none, timestamp_ntz '2026-03-04 05:06:07' local, cast(null as array<int>) list"
    )
    ((one, two, mapping, data, end, none, local, nothing),) = first_rows(frame, 5)
    assert (one, two, mapping, data) == (1, 2, {"k": {"d": Decimal("1.50")}}, b"\x00\xff")
    assert (end, none, nothing) == (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None, None)
    assert local == datetime(2026, 3, 4, 5, 6, 7)
    assert first_rows(frame.select(), 5) == ()
