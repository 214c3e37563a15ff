"""Tables whose batches replace rows: what drives them, what they supersede, and which rows a batch must not have."""

from __future__ import annotations

from typing import Any

import pytest

from alur_nb import BronzeTable, GoldTable, IntegerField, SilverTable, files, new, pipeline
from alur_nb.runtime import supersede
from alur_nb.runtime.contract_rules import implied_rules
from alur_nb.runtime.errors import LedgerError
from alur_nb.runtime.ledger import Batch, Input, State
from alur_nb.runtime.ledger_sqlite import SqliteLedger
from alur_nb.runtime.project import Project
from alur_nb.runtime.selection import ALL_NEW, Selection
from alur_nb.runtime.workspace import Workspace


class SourceBronze(BronzeTable):
    id = IntegerField()


class OtherBronze(BronzeTable):
    id = IntegerField()


class MergedSilver(SilverTable):
    id = IntegerField()
    at = IntegerField(nullable=False)

    class Meta:
        primary_key = ["id"]


class LastSilver(MergedSilver):
    class Meta:
        sequence_by = "at"


class WholeGold(GoldTable):
    id = IntegerField()


class PartsGold(GoldTable):
    id = IntegerField()

    class Meta:
        partition_by = ["id"]


@pytest.mark.parametrize(
    ("target", "sources", "driving"),
    [
        (MergedSilver, {"a": SourceBronze}, ["a"]),
        (MergedSilver, {"a": new(SourceBronze), "b": OtherBronze}, ["a"]),
        (MergedSilver, {"a": files("a/*.csv"), "b": OtherBronze}, []),
        (PartsGold, {"a": SourceBronze, "b": OtherBronze}, ["a", "b"]),
        (PartsGold, {"a": new(SourceBronze), "b": OtherBronze}, ["a"]),
        (WholeGold, {"a": new(SourceBronze), "b": OtherBronze}, ["a", "b"]),
        (OtherBronze, {"a": files("a/*.csv"), "b": SourceBronze}, []),
    ],
)
def test_which_tables_decide_whether_there_is_something_new(
    project: Project, target: Any, sources: dict[str, Any], driving: list[str]
) -> None:
    def both(a: Any, b: Any) -> Any: ...
    def one(a: Any) -> Any: ...

    made = pipeline(sources=sources, target=target, name="p")(both if len(sources) == 2 else one)
    assert list(made.driving_tables) == driving


def committed(ledger: SqliteLedger, table: str, *inputs: Input, supersedes: tuple[str, ...] = ()) -> str:
    lease = ledger.acquire(table, "me")
    batch_id = f"{lease.epoch:08d}-0001"
    batch = Batch(
        table, batch_id, State.PLANNED, lease.epoch, "p", "r", supersedes=supersedes, counts={"rows": 1}
    )
    ledger.put_inputs(lease, batch_id, inputs, first=0)
    ledger.plan(lease, batch)
    ledger.seal(batch, inputs)
    ledger.commit(batch)
    ledger.release(lease)
    return batch_id


def test_a_table_that_merges_is_loaded_anew_whole_where_an_upstream_batch_is_gone(
    project: Project, workspace: Workspace
) -> None:
    @pipeline(sources={"a": new(SourceBronze)}, target=MergedSilver)
    def merge(a: Any) -> Any: ...

    ledger: Any = workspace.ledger
    first = committed(ledger, "bronze.source")
    second = committed(ledger, "bronze.source")
    one = committed(ledger, "silver.merged", Input("batch", "bronze.source", first))
    two = committed(ledger, "silver.merged", Input("batch", "bronze.source", second))
    assert supersede.chosen(ledger, merge, ALL_NEW).ids == frozenset()
    committed(ledger, "bronze.source", supersedes=(first,))
    found = supersede.chosen(ledger, merge, ALL_NEW)
    assert (found.ids, found.only) == ({one, two}, None)
    assert f"Batch {one} is loaded anew" in found.notes[0]
    with pytest.raises(LedgerError, match="alur run merge --full"):
        supersede.chosen(ledger, merge, Selection(replay=two))


def test_a_changed_file_takes_the_batches_along_that_hold_it(workspace: Workspace) -> None:
    ledger: Any = workspace.ledger
    path = "a/1.csv"
    one = committed(ledger, "silver.merged", Input("file", path, "v1", outcome="loaded"))
    two = committed(ledger, "silver.merged", Input("file", "a/2.csv", "v1", outcome="loaded"))
    nothing = supersede.NOTHING
    assert supersede.with_changed(ledger, MergedSilver.__table__, [], nothing) is nothing
    assert supersede.with_changed(ledger, MergedSilver.__table__, [path], nothing).ids == {one, two}
    appended = committed(ledger, "bronze.source", Input("file", path, "v1", outcome="loaded"))
    committed(ledger, "bronze.source", Input("file", "a/2.csv", "v1", outcome="loaded"))
    assert supersede.with_changed(ledger, SourceBronze.__table__, [path], nothing).ids == {appended}


def test_a_key_and_what_tells_the_last_row_are_never_null_and_never_twice() -> None:
    def names(table: Any, *, as_read: bool = True) -> list[str]:
        return [rule.name for rule in implied_rules(table.__table__, as_read=as_read)]

    assert names(MergedSilver) == [
        "id is never null",
        "one row for each id, as no sequence_by tells which is the last",
    ]
    assert names(LastSilver) == ["id is never null", "one row for each id, at"]
    assert names(LastSilver, as_read=False)[-1] == "at is not nullable"
    assert names(WholeGold) == []
