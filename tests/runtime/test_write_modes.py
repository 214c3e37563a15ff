"""How a table's batches are published, and what may be said of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alur_nb.runtime.errors import DeclarationError
from alur_nb.runtime.tables import (
    BaseTable,
    BronzeTable,
    GoldTable,
    SilverTable,
    bucket,
    day,
    table_of,
)
from alur_nb.runtime.types import DateField, IntegerField, LongField, StringField, TimestampField
from alur_nb.runtime.write_modes import Publication, history_columns, publication_of


def declared(base: type = SilverTable, *, columns: dict[str, Any] | None = None, **meta: Any) -> Any:
    fields = columns or {
        "order_id": StringField(),
        "status": StringField(),
        "updated_at": TimestampField(),
        "changed_on": DateField(),
        "version": LongField(),
    }
    return type("Orders", (base,), {**fields, "Meta": type("Meta", (), meta)})


KEY = {"primary_key": ["order_id"]}


@pytest.mark.parametrize(
    ("base", "meta", "expected"),
    [
        (BronzeTable, {}, Publication("parquet", "append")),
        (BronzeTable, KEY, Publication("parquet", "append")),
        (
            BronzeTable,
            {"format": "iceberg", "partition_by": day("updated_at")},
            Publication("iceberg", "append", partitions=('day("updated_at")',)),
        ),
        (SilverTable, {}, Publication("iceberg", "append")),
        (SilverTable, KEY, Publication("iceberg", "merge", key=("order_id",))),
        (
            SilverTable,
            {**KEY, "sequence_by": "updated_at", "delete_when": "status = 'gone'"},
            Publication("iceberg", "merge", ("order_id",), "updated_at", "status = 'gone'"),
        ),
        (SilverTable, {**KEY, "scd_type": 2}, Publication("iceberg", "history", ("order_id",))),
        (
            GoldTable,
            {**KEY, "partition_by": ["status", bucket(16, "order_id")]},
            Publication("iceberg", "overwrite", partitions=("status", 'bucket(16, "order_id")')),
        ),
    ],
)
def test_a_table_says_how_its_batches_are_published(
    base: type, meta: dict[str, Any], expected: Publication
) -> None:
    table = table_of(declared(base, **meta))
    assert publication_of(table) == expected
    assert publication_of(table).partition_by == table.partition_by


_PARTITIONS = st.sampled_from(["country", 'day("created_at")', 'bucket(16, "a \\" b")', 'hour("läuft")'])


@given(
    st.builds(
        Publication,
        format=st.sampled_from(["parquet", "iceberg"]),
        mode=st.sampled_from(["append", "merge", "overwrite", "history"]),
        key=st.lists(st.text(), max_size=3).map(tuple),
        sequence_by=st.none() | st.text(),
        delete_when=st.none() | st.text(),
        partitions=st.lists(_PARTITIONS, max_size=2).map(tuple),
    )
)
def test_a_publication_comes_back_from_json(publication: Publication) -> None:
    assert Publication.from_json(publication.to_json()) == publication
    assert tuple(map(str, publication.partition_by)) == publication.partitions


def test_a_publication_of_an_older_ledger_has_the_defaults() -> None:
    assert Publication.from_dict({}) == Publication("parquet", "append")


def test_what_says_how_to_store_is_inherited() -> None:
    base = declared(BaseTable, **KEY, sequence_by="version", delete_when="status = 'gone'")
    child = type("Child", (base, SilverTable), {})
    assert publication_of(table_of(child)) == Publication(
        "iceberg", "merge", ("order_id",), "version", "status = 'gone'"
    )


def test_history_has_the_type_of_what_orders_it() -> None:
    by_time = table_of(declared(**KEY, scd_type=2))
    assert history_columns(by_time) == {
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "is_current": "boolean",
    }
    by_day = table_of(declared(**KEY, scd_type=2, sequence_by="changed_on"))
    assert history_columns(by_day)["valid_to"] == "date"
    assert history_columns(table_of(declared(**KEY))) == {}


@pytest.mark.parametrize(
    ("base", "meta", "message", "fix"),
    [
        (
            SilverTable,
            {**KEY, "sequence_by": "update_at"},
            "did you mean `updated_at`?",
            "the columns are order_id",
        ),
        (SilverTable, {"sequence_by": "updated_at"}, "without a primary_key", 'primary_key = ["order_id"]'),
        (
            SilverTable,
            {"delete_when": "status = 'x'"},
            "delete_when is for tables that merge",
            "leave delete_when",
        ),
        (SilverTable, {"scd_type": 2}, "scd_type is for tables that merge", "primary_key"),
        (SilverTable, {**KEY, "scd_type": 3}, "scd_type is 3", "scd_type = 2 every version"),
        (SilverTable, {**KEY, "scd_type": True}, "scd_type is True", "scd_type = 1"),
        (SilverTable, {**KEY, "scd_type": "2"}, "scd_type is '2'", "scd_type = 2"),
        (BronzeTable, {**KEY, "sequence_by": "updated_at"}, "a bronze table appends", "SilverTable"),
        (GoldTable, {**KEY, "scd_type": 2}, "a gold table is overwritten by each run", "SilverTable"),
        (SilverTable, {**KEY, "sequence_by": "order_id"}, "is of the key", "updated_at"),
        (SilverTable, {**KEY, "sequence_by": 3}, "Meta.sequence_by is 3, not a text", "sequence_by = "),
        (SilverTable, {**KEY, "delete_when": " "}, "Meta.delete_when is ' ', not a text", "delete_when = "),
        (SilverTable, {**KEY, "sequense_by": "x"}, "did you mean `sequence_by`?", "scd_type"),
        (
            SilverTable,
            {**KEY, "scd_type": 2, "sequence_by": "version"},
            "`version` is bigint, and it becomes valid_from",
            "timestamp or a date",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    base: type, meta: dict[str, Any], message: str, fix: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        declared(base, **meta)
    assert message in caught.value.message
    assert fix in str(caught.value.fix)


def test_a_column_that_orders_nothing_is_refused() -> None:
    from alur_nb.runtime.types import BooleanField

    columns = {"id": IntegerField(), "flag": BooleanField()}
    with pytest.raises(DeclarationError, match="`flag` is boolean"):
        declared(columns=columns, primary_key="id", sequence_by="flag")


def test_the_columns_of_history_are_reserved_where_there_is_one() -> None:
    columns = {"id": IntegerField(), "Valid_From": DateField()}
    with pytest.raises(DeclarationError) as caught:
        declared(columns=columns, primary_key="id", scd_type=2)
    assert "`Valid_From` is reserved where scd_type is 2" in caught.value.message
    assert 'source_Valid_From = DateField(source="Valid_From")' in str(caught.value.fix)
    assert table_of(declared(columns=columns, primary_key="id")).columns.keys() == columns.keys()
