"""What fsck says of the rows of an Iceberg table, batch by batch."""

from __future__ import annotations

from alur_nb import BronzeTable, GoldTable, IntegerField
from alur_nb.authoring.fsck_iceberg import compared
from alur_nb.runtime.ledger import Batch, State
from alur_nb.runtime.project import Project


def batch(number: int, state: State, rows: int = 2) -> Batch:
    return Batch(
        "bronze.events", f"{number:08d}-0001", state, number, "p", "r", counts={"rows": rows}, data_prefix="x"
    )


def test_rows_are_compared_by_batch_where_batches_only_add(project: Project) -> None:
    class EventsBronze(BronzeTable):
        id = IntegerField()

        class Meta:
            format = "iceberg"

    good, lost = batch(1, State.COMMITTED), batch(2, State.COMMITTED, rows=3)
    dead, sealed = batch(3, State.ROLLED_BACK), batch(4, State.SEALED)
    rows = {good.id: 2, lost.id: 1, dead.id: 2, sealed.id: 2, "00000009-0001": 7}
    found = [
        what
        for what, _, _ in compared(EventsBronze.__table__, rows, [good, lost, dead, sealed], [good, lost])
    ]
    assert found == [
        "batch 00000002-0001 of bronze.events holds 1 rows, the ledger says 3",
        "bronze.events holds 2 rows of batch 00000003-0001, which is dead",
        "bronze.events holds 7 rows of batch 00000009-0001, which is unknown to the ledger",
    ]


def test_of_rows_that_replace_others_only_those_of_no_batch_are_told(project: Project) -> None:
    class EventsGold(GoldTable):
        id = IntegerField()

    old, new = batch(1, State.COMMITTED), batch(2, State.COMMITTED)
    assert list(compared(EventsGold.__table__, {old.id: 1, new.id: 1}, [old, new], [new])) == []
    assert len(list(compared(EventsGold.__table__, {"00000009-0001": 1}, [old, new], [new]))) == 1
