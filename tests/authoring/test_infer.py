"""A contract from landing files: what is read, what is said, and that the cell declares what a run accepts."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alur_nb.authoring.infer import infer, landing_files, list_files
from alur_nb.authoring.infer_facts import Request
from alur_nb.runtime.errors import AlurError, NotebookError
from alur_nb.runtime.jsonl_values import RecordRules
from alur_nb.runtime.readers import Looker
from alur_nb.runtime.sources import files
from alur_nb.runtime.workspace import Workspace
from tests.authoring.inferred import ORDERS, columns, declared, inferred, landed, types
from tests.conftest import Land


def test_a_cell_declares_what_the_evidence_says(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", ORDERS)
    found = inferred(workspace, "orders/*.csv", primary_key="id", partition_by="day(created_at)")
    assert found.cell == (
        "%%alur_table orders --layer bronze --primary-key id --partition-by 'day(created_at)'\n"
        "id         int not null\n"
        "amount     decimal(10,2) not null\n"
        "created_at timestamp not null\n"
    )
    assert found.next_step == "%alur_pipeline ingest_orders --from 'orders/*.csv' --target bronze.orders"
    assert found.keys == ("id",)
    assert found.files.complete
    assert "read: all 2 rows of 1 file, 76 bytes" in str(found)
    table = declared(found.cell)
    assert {name: field.ddl for name, field in table.columns.items()} == {
        "id": "int",
        "amount": "decimal(10,2)",
        "created_at": "timestamp",
    }


def test_what_a_column_body_cannot_say_is_a_class(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", "Order No.,Day\n7,31.01.2024\n")
    found = inferred(workspace, "orders/*.csv", description="What the shop sold")
    assert found.cell == (
        "%%alur_table orders\n"
        "import alur_nb\n\n\n"
        "class OrdersBronze(alur_nb.BronzeTable):\n"
        '    """What the shop sold"""\n\n'
        '    order_no = alur_nb.IntegerField(nullable=False, source="Order No.")\n'
        '    day = alur_nb.DateField(nullable=False, format="dd.MM.yyyy")\n\n'
        "    class Meta:\n"
        '        name = "orders"\n'
    )
    assert declared(found.cell).columns["order_no"].source == "Order No."
    assert 'spelled `Order No.`; source="Order No." needed' in str(found)


def test_doubts_are_said_in_the_cell_too(workspace: Workspace, land: Land) -> None:
    rows = "".join(f"{number},x\n" for number in range(500))
    land("orders/1.csv", f"id,day\n{rows}n/a,y\n")
    found = inferred(workspace, "orders/*.csv")
    assert (
        "-- 1 of 501 would be rejected as int: `n/a`; --option nullValue=n/a reads it as null;" in found.cell
    )
    assert found.columns[0].wanted is not None
    assert found.columns[0].wanted.nullable
    assert set(declared(found.cell).columns) == {"id", "day"}
    assert found.doubts == ("`n/a` seems to mean null in 1 column: look again with --option nullValue=n/a",)
    without = inferred(workspace, "orders/*.csv", options={"nullValue": "n/a"})
    assert without.columns[0].empty == 1
    assert "--option nullValue=n/a" in without.next_step
    assert not without.columns[0].doubts


def test_a_column_that_some_files_lack_is_nullable(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", "id,note\n1,a\n")
    land("orders/2.csv", "ID\n2\n")
    found = inferred(workspace, "orders/*.csv")
    assert types(found) == {"id": "int not null", "note": "string"}
    assert "in 1 of 2 files: null in the others" in columns(found)["note"].notes
    assert "also spelled `ID`" in columns(found)["id"].notes


def test_empty_shares_and_different_values_are_counted(workspace: Workspace, land: Land) -> None:
    land("orders/1.csv", 'id,note,blank\n1,a,\n2,a," "\n3,,\n4,"",5\n')
    found = columns(inferred(workspace, "orders/*.csv"))
    assert [(c.rows, c.empty, c.distinct) for c in found.values()] == [(4, 0, 4), (4, 2, 1), (4, 3, 1)]
    assert found["blank"].type_text == "int"
    assert found["note"].wanted.nullable is not False  # type: ignore[union-attr]


def test_only_the_head_of_a_few_files_is_read_and_that_is_said(workspace: Workspace, land: Land) -> None:
    for number in range(9):
        land(f"orders/{number}.csv", "id\n" + "".join(f"{row}\n" for row in range(9_999)))
    found = inferred(workspace, "orders/*.csv")
    assert found.files.opened == tuple(f"orders/{number}.csv" for number in (0, 1, 2, 3, 4, 5, 6, 8))
    assert found.files.rows == 10_000
    assert not found.files.complete
    assert "read: the first 10,000 rows of 8 of 9 files" in str(found)
    assert "the rest was not seen" in str(found)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("Order No.,order_no", ["order_no", "order_no_2"]),
        (
            "class,batch_id,_source_file,alur_nb",
            ["source_class", "source_batch_id", "source_source_file", "source_alur_nb"],
        ),
        ("1st,#,__x", ["column_1st", "column_2", "column_x"]),
        ("_id,a__b,Größe in cm", ["_id", "a__b", "größe_in_cm"]),
        ("not,null,comment,values", ["source_not", "null", "comment", "values"]),
        ("select,table", ["select", "table"]),
    ],
)
def test_every_header_becomes_a_name_that_can_be_declared(
    workspace: Workspace, land: Land, header: str, names: list[str]
) -> None:
    land("orders.csv", f"{header}\n{','.join(['x'] * len(names))}\n")
    found = inferred(workspace, "orders.csv")
    assert list(columns(found)) == names
    table = declared(found.cell)
    assert list(table.columns) == names
    source = files("orders.csv")
    look = Looker(table, source).look(landed(workspace, "orders.csv"), io.BytesIO(f"{header}\n".encode()))
    assert look.binding.columns == tuple(names)


def test_a_column_without_a_name_is_left_out(workspace: Workspace, land: Land) -> None:
    land("orders.csv", ",id\n0,7\n")
    found = inferred(workspace, "orders.csv")
    assert list(declared(found.cell).columns) == ["id"]
    assert found.next_step.endswith("--extra-columns ignore")
    assert "left out" in str(found)


def test_a_key_that_the_sample_contradicts_is_a_doubt(workspace: Workspace, land: Land) -> None:
    land("orders.csv", "id,name\n1,a\n1,b\n,c\n")
    found = inferred(workspace, "orders.csv", primary_key="id", layer="silver")
    assert (
        "--primary-key id: on the sample 1 of its values are empty and 1 row repeat a value" in found.doubts
    )
    assert found.keys == ("name",)
    assert any("appends" in doubt for doubt in inferred(workspace, "orders.csv", layer="silver").doubts)


def test_rows_of_another_width_are_a_doubt(workspace: Workspace, land: Land) -> None:
    land("orders.csv", "id,name\n1,a\n2\n3,b,c\n")
    found = inferred(workspace, "orders.csv")
    assert found.doubts == ("orders.csv: 2 rows with more or fewer values than its header would be rejected",)
    assert found.files.rows == 1


def test_a_first_line_that_is_a_row_is_a_doubt(workspace: Workspace, land: Land) -> None:
    land("orders.csv", "1,2.50,a\n2,3.75,b\n")
    found = inferred(workspace, "orders.csv")
    assert found.doubts == (
        "orders.csv: its first line looks like a row, not a header (`1`): --option header=false",
    )
    nameless = inferred(workspace, "orders.csv", options={"header": "false"})
    assert not nameless.doubts
    assert list(columns(nameless)) == ["column_1", "column_2", "column_3"]
    land("wide.csv", "country,1999,2000\nde,1,2\n")
    assert not inferred(workspace, "wide.csv").doubts
    assert list(columns(inferred(workspace, "wide.csv"))) == ["country", "column_1999", "column_2000"]


def test_a_header_alone_gives_texts(workspace: Workspace, land: Land) -> None:
    land("orders.csv", "id,name\n")
    assert types(inferred(workspace, "orders.csv")) == {"id": "string", "name": "string"}


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"primary_key": "nothing"}, NotebookError),
        ({"partition_by": "week(id)"}, NotebookError),
        ({"options": {"seq": ";"}}, AlurError),
    ],
)
def test_what_the_line_says_is_checked(
    workspace: Workspace, land: Land, settings: dict[str, Any], error: type[AlurError]
) -> None:
    land("orders.csv", ORDERS)
    with pytest.raises(error) as caught:
        inferred(workspace, "orders.csv", **settings)
    assert caught.value.fix


def test_json_lines_say_their_types_themselves(workspace: Workspace, land: Land) -> None:
    records = [
        {
            "id": 1,
            "price": 2.5,
            "ok": True,
            "at": "2024-01-31T10:00:00Z",
            "tags": ["a"],
            "to": {"zip": "007", "no": 1},
        },
        {
            "id": 2,
            "price": 3,
            "ok": None,
            "at": "2024-02-01T10:00:00Z",
            "tags": [],
            "to": {"zip": "008"},
            "n": "5",
        },
    ]
    land("orders.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    found = inferred(workspace, "orders.jsonl")
    assert types(found) == {
        "id": "int not null",
        "price": "decimal(10,2) not null",
        "ok": "boolean",
        "at": "timestamp not null",
        "tags": "array<string> not null",
        "to": "struct<zip:string,no:int> not null",
        "n": "string",
    }
    assert "to    struct<zip: string, no: int> not null" in found.cell
    assert "--format jsonl" in found.next_step
    assert set(declared(found.cell).columns) == set(types(found))


def test_a_blank_text_is_no_day(workspace: Workspace, land: Land) -> None:
    land("orders.jsonl", '{"id": 1, "day": "2024-01-31"}\n{"id": 2, "day": " "}\n')
    found = inferred(workspace, "orders.jsonl")
    assert types(found) == {"id": "int not null", "day": "date"}
    assert columns(found)["day"].empty == 1


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
        st.dates().map(str),
        st.datetimes().map(str),
        st.sampled_from(["", " "]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "1", "A", "x y"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["id", "price", "Key", "a b"]), JSON), min_size=1, max_size=6)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_record_is_accepted_but_for_the_values_that_are_named(
    workspace: Workspace, records: list[dict[str, object]]
) -> None:
    lines = [json.dumps({"always": 1, **record}) for record in records]
    (workspace.settings.root / "data" / "any.jsonl").write_text("".join(f"{line}\n" for line in lines))
    found = inferred(workspace, "any.jsonl")
    table = declared(found.cell)
    rules = RecordRules(table.name, table.file_columns, "ignore")
    if not any(column.misfits for column in found.columns):
        assert [rules(line)[2] for line in lines] == [[]] * len(lines)


def test_nothing_is_imported_that_a_look_at_text_does_not_need(workspace: Workspace, land: Land) -> None:
    land("orders.csv", ORDERS)
    program = (
        "import sys\nfrom alur_nb.authoring.infer import infer, landing_files, list_files\n"
        "from alur_nb.authoring.infer_facts import Request\n"
        "request, (files, folder) = Request('orders', '*.csv'), landing_files()\n"
        "assert str(infer(request, files, list_files(request, files, folder)))\n"
        "print(sorted({'pyspark', 'IPython', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_landing_folder_is_the_settings(workspace: Workspace, land: Land) -> None:
    land("orders.csv", ORDERS)
    place, folder = landing_files()
    assert folder == str(Path("data").resolve())
    request = Request("orders", "orders.csv")
    assert infer(request, place, list_files(request, place, folder)).table == "bronze.orders"
