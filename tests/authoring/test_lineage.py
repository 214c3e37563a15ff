"""Who feeds a column and what depends on it, through several pipelines, and what is said where only tables are known."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb import BronzeTable, DecimalField, LongField, StringField, files, get_spark_session, new, pipeline
from alur_nb.authoring import lineage_found
from alur_nb.authoring.lineage import Lineage, LineageReport, lineage
from alur_nb.authoring.lineage_text import pipeline_lines
from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.lineage import ColumnEdge, ColumnRef, PipelineLineage, RowEdge, lineage_from
from alur_nb.runtime.project import Project

RAW, CLEAN, SUMS = "bronze.raw", "bronze.clean", "bronze.sums"


def edge(source: str, target: str, kind: Any) -> ColumnEdge:
    return ColumnEdge(ref(source), ref(target), kind)


def ref(text: str) -> ColumnRef:
    table, _, column = text.rpartition(".")
    return ColumnRef(table, column)


KNOWN = Lineage(
    (
        PipelineLineage(
            "ingest",
            RAW,
            ("files(a/*.csv)",),
            "column",
            (ColumnEdge(ColumnRef("files(a/*.csv)", "Order No."), ref(f"{RAW}.id"), "direct"),),
        ),
        PipelineLineage(
            "clean",
            CLEAN,
            (RAW,),
            "column",
            (edge(f"{RAW}.id", f"{CLEAN}.id", "direct"), edge(f"{RAW}.amount", f"{CLEAN}.amount", "derived")),
            (RowEdge(ref(f"{RAW}.state"), CLEAN, "filter"),),
        ),
        PipelineLineage(
            "sums", SUMS, (CLEAN,), "column", (edge(f"{CLEAN}.amount", f"{SUMS}.total", "aggregated"),)
        ),
        PipelineLineage("score", "bronze.scores", (SUMS,), "table", reason="its rows come through Python"),
    )
)


def steps(found: Any) -> list[tuple[int, str, str]]:
    return [(step.depth, str(step.ref), step.kind) for step in found]


def test_a_column_is_followed_to_the_files() -> None:
    assert steps(KNOWN.upstream(ref(f"{CLEAN}.id"))) == [
        (1, f"{RAW}.id", "direct"),
        (2, "files(a/*.csv).Order No.", "direct"),
    ]


def test_what_depends_on_it_is_followed_to_the_last_table() -> None:
    assert steps(KNOWN.downstream(ref(f"{RAW}.amount"))) == [
        (1, f"{CLEAN}.amount", "derived"),
        (2, f"{SUMS}.total", "aggregated"),
        (3, "bronze.scores.*", "table"),
    ]


def test_through_a_pipeline_of_which_only_tables_are_known_every_column_counts() -> None:
    found = steps(KNOWN.upstream(ref("bronze.scores.score")))
    assert found[:2] == [(1, f"{SUMS}.*", "table"), (2, f"{CLEAN}.amount", "aggregated")]


def test_what_decides_on_rows_is_told_and_not_followed_further() -> None:
    assert steps(KNOWN.downstream(ref(f"{RAW}.state"))) == [(1, f"{CLEAN}.*", "filter")]
    assert KNOWN.deciding(CLEAN) == ((ref(f"{RAW}.state"), "filter", "clean"),)


def test_a_manifest_gives_back_what_it_was_given() -> None:
    for one in KNOWN.pipelines:
        assert lineage_from(one.pipeline, one.target, dict(one.to_dict())) == one


@pytest.fixture
def chain(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(lineage_found, "_known", {})

    class RawBronze(BronzeTable):
        id = LongField(source="Order No.")
        amount = DecimalField(10, 2)
        state = StringField()

    class SumsBronze(BronzeTable):
        state = StringField()
        total = DecimalField(20, 2)

    @pipeline(sources={"raw": files("raw/*.csv")}, target=RawBronze)
    def ingest(raw: Any) -> Any:
        raise AssertionError("nothing is called")

    @pipeline(sources={"raw": new(RawBronze)}, target=SumsBronze)
    def sums(raw: Any) -> Any:
        spark = get_spark_session()
        return spark.sql(
            "select state, sum(amount) as total from {raw} AS raw where id > 0 group by state", raw=raw
        )

    return project


def test_a_table_is_told_column_by_column(chain: Project) -> None:
    text = str(lineage(chain, "sums", may_call=False))
    assert text.splitlines() == [
        "bronze.sums, column by column",
        "  state  made of bronze.raw.state",
        "  total  made of bronze.raw.amount (aggregated)",
        "rows of bronze.sums are decided by:",
        "  bronze.raw.id (filter, by sums)",
        "  bronze.raw.state (group, by sums)",
        "note: ingest: table level, its function has not been looked into yet",
    ]


def test_a_column_is_told_step_by_step(chain: Project) -> None:
    report = lineage(chain, "bronze.sums.TOTAL", may_call=False)
    assert str(report).splitlines()[:5] == [
        "bronze.sums.total",
        "  is made of",
        "    bronze.raw.amount  aggregated, by sums",
        "      the table files(raw/*.csv)  table level, by ingest",
        "rows of bronze.sums are decided by:",
    ]
    (column,) = report.to_dict()["columns"]
    assert column["feeds"][0] == {
        "depth": 1,
        "table": "bronze.raw",
        "column": "amount",
        "kind": "aggregated",
        "pipeline": "sums",
        "via": "bronze.sums.total",
    }


@pytest.mark.parametrize("name", ["raw", "bronze.raw", "ingest"])
def test_a_table_has_several_names(chain: Project, name: str) -> None:
    assert lineage(chain, name, may_call=False).table == "bronze.raw"


def test_a_column_of_files_is_asked_for_by_its_name_in_the_header(chain: Project) -> None:
    report = lineage(chain, "files(raw/*.csv).order no.", may_call=False)
    assert str(report).splitlines()[:4] == [
        "files(raw/*.csv).Order No.",
        "  is made of nothing that is known",
        "  goes into",
        "    the table bronze.raw  table level, by ingest",
    ]
    assert [one.ref.column for one in lineage(chain, "files(raw/*.csv)", may_call=False).columns] == [
        "Order No.",
        "amount",
        "state",
    ]
    with pytest.raises(DeclarationError, match="No pipeline reads"):
        lineage(chain, "files(row/*.csv)", may_call=False)


@pytest.mark.parametrize(
    ("name", "why"), [("raw.amuont", "did you mean"), ("nothing", "no table"), ("nothing.id", "no table")]
)
def test_an_unknown_name_is_refused(chain: Project, name: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        lineage(chain, name, may_call=False)


def test_a_pipeline_is_told_in_lines() -> None:
    clean, score = KNOWN.pipelines[1], KNOWN.pipelines[3]
    assert pipeline_lines(clean) == [
        "as in bronze.raw: id",
        "amount from bronze.raw.amount (derived)",
        "its rows by bronze.raw.state (filter)",
    ]
    assert pipeline_lines(score) == ["table level: its rows come through Python; reads bronze.sums"]


def test_what_asks_an_api_is_never_called(project: Project) -> None:
    class NewsBronze(BronzeTable):
        title = StringField()

    @pipeline(target=NewsBronze)
    def fetched() -> Any:
        raise AssertionError("called")

    report = lineage(project, "fetched", may_call=True)
    assert report.notes == ("fetched: table level, it declares no source",)
    assert str(LineageReport()) == "Nothing was asked."
