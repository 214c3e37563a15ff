from __future__ import annotations

import json
from dataclasses import replace

from alur_nb.runtime.errors import CheckError, Place, SourceError
from alur_nb.runtime.quality import CheckResult, Severity
from alur_nb.runtime.report import PipelineRun, RunReport

LOADED = PipelineRun(
    "ingest_orders",
    "bronze.orders",
    "loaded",
    batch_id="00000001-0001",
    rows=12_345,
    rejected=2,
    files=1,
    skipped_files=("orders/2.csv: same content as orders/1.csv",),
    reject_reasons={"id: is not a whole number": 2},
    checks=(CheckResult("row(amount > 0)", Severity.WARN, False, "3 of 12,345 rows", "3 rows are not"),),
    warnings=("orders/1.csv lacks note: read as null.",),
    duration_seconds=1.25,
)


def test_a_report_reads_as_one_would_tell_it() -> None:
    failed = PipelineRun(
        "b", "bronze.b", "failed", error=SourceError("It is gone.", place=Place(file="x"), fix="Look.")
    )
    report = RunReport("r", (LOADED, PipelineRun("a", "bronze.a", "nothing new"), failed))
    assert str(report).splitlines() == [
        "+ ingest_orders -> bronze.orders: loaded, 12,345 rows from 1 file, 2 rows rejected, "
        "batch 00000001-0001",
        "    rejected 2: id: is not a whole number",
        "    skipped orders/2.csv: same content as orders/1.csv",
        "    check row(amount > 0): warn: 3 rows are not",
        "    note: orders/1.csv lacks note: read as null.",
        "= a -> bronze.a: nothing new",
        "x b -> bronze.b: failed",
        "    It is gone.",
        "      where: x",
        "      next:  Look.",
        "elapsed: 1.2 s, the longest: ingest_orders 1.2 s, a 0.0 s",
    ]
    assert not report.ok


def test_only_one_line_tells_the_time() -> None:
    quick, slow = (
        str(RunReport("r", (replace(LOADED, duration_seconds=seconds),))).splitlines()
        for seconds in (0.1, 99.0)
    )
    assert quick[:-1] == slow[:-1]
    assert (quick[-1], slow[-1]) == ("elapsed: 0.1 s", "elapsed: 99.0 s")


def test_a_users_own_error_keeps_its_type() -> None:
    assert PipelineRun("a", "bronze.a", "failed", error=KeyError("x")).error_text == "KeyError: 'x'"


def test_the_report_is_json() -> None:
    values = json.loads(json.dumps(RunReport("r", (LOADED,)).to_dict()))
    assert values["ok"] is True
    assert values["runs"][0]["checks"] == [
        {
            "name": "row(amount > 0)",
            "severity": "WARN",
            "passed": False,
            "metric": "3 of 12,345 rows",
            "message": "3 rows are not",
            "examples": [],
        }
    ]


def test_skipped_and_cancelled_are_not_ok() -> None:
    assert RunReport("r").ok
    for state in ("skipped", "cancelled", "failed"):
        assert not RunReport("r", (PipelineRun("a", "bronze.a", state),)).ok  # type: ignore[arg-type]


def test_nothing_selected_says_so() -> None:
    assert repr(RunReport("r")) == "Nothing was run."


def test_a_check_error_holds_every_result() -> None:
    assert CheckError("x", checks=LOADED.checks).checks == LOADED.checks
