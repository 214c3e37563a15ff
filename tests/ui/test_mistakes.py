"""What every mistake says, to the word: the golden file has each cell with the lines that end it.

`ALUR_GOLDEN=write make test-one T=tests/ui/test_mistakes.py` writes the file anew; its diff is what to read.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alur_nb.runtime.errors import AlurError
from alur_nb.runtime.project import Project
from tests.conftest import Land
from tests.ui.conftest import Notebook

GOLDEN = Path(__file__).parent.parent / "golden" / "mistakes.txt"
WRITES = os.environ.get("ALUR_GOLDEN") == "write"

ORDERS = "%%alur_table orders\nid int not null\namount decimal(10,2)"
INGEST = "%alur_pipeline ingest_orders --from 'orders/*.csv' --target OrdersBronze"
ENVIRONMENT = (
    '\n[env.dev]\nregion = "eu-central-1"\nlanding = "s3://acme-landing-dev/"\nbucket = "acme-lake"\n'
)

# By magic, in the order of the help.
TABLES = [
    "%alur_table ordrs",
    "%alur_table x --layer brnze",
    "%alur_table x --lyer gold",
    "%alur_table orders late",
    "%alur_table x --from 'ordrs/*.csv'",
    "%alur_table --from 'orders/*.csv'",
    "%alur_table x --from 'orders/*.csv' --option sepp=;",
    "%alur_table x --from 'orders/*.csv' --option sep",
    "%alur_table x --description 'open",
    "%alur_table x --new --primary-key",
    "%%alur_table x --layer gold",
    "%%alur_table\nid int",
    "%%alur_table x\na int\nb strng",
    "%%alur_table x\nid int not nul",
    "%%alur_table x\nid",
    "%%alur_table x\nid int\nid int",
    "%%alur_table x\namount decimal(2,10)",
    "%%alur_table x --primary-key nr\nid int",
    "%%alur_table x --partition-by created_at\ncreated_at timestamp",
    "%%alur_table x --partition-by day(id)\nid int",
    "%%alur_table x --partition-by dya(at)\nat timestamp",
    "%%alur_table 1x\nid int",
    "%%alur_table x\nbatch_id string",
    "%%alur_table x\nclass A(:",
    "%%alur_table x\nawait y\nclass A: pass",
    "%%alur_table\nimport alur_nb\nclass A(alur_nb.BronzeTable):\n    x = alur_nb.StringField",
]
PIPELINES = [
    "%alur_pipeline ingest_order",
    f"{INGEST} --same-content skp",
    f"{INGEST} --option nullvalu=x",
    f"{INGEST} --schedule '0 6 * * *'",
    f"{INGEST} --schedule '0 6 * * ? *' --timezone Europe/Berln",
    f"{INGEST} --reject-limit many",
    f"{INGEST} --reject-limit 7",
    f"{INGEST} --format exel",
    f"{INGEST} --contract Ordrs",
    f"{INGEST} --preview many",
    f"{INGEST} --source-sytem shop",
    f"{INGEST} --expect 'amount > = 0'",
    f"{INGEST} --expect 'id > 0' --expect 'amont > 0'",
    f"{INGEST} --resource-profile large",
    "%alur_pipeline load --from '{foldr}/*.csv' --target orders",
    "%alur_pipeline load --from 'orders/*.csv'",
    "%alur_pipeline --from 'orders/*.csv' --target orders",
    "%%alur_pipeline daily --target orders\nselect * from ordrs",
    "%%alur_pipeline daily --target ordrs\nselect * from orders",
    "%%alur_pipeline daily --target orders\nselct id from orders",
    "%%alur_pipeline daily --target orders\nselect id, from orders where",
    "%%alur_pipeline daily --target orders --expect 'sum(amount) > 0'\nselect * from orders",
    "%%alur_pipeline daily\nselect id from orders",
    "%%alur_pipeline daily\ndef f(): pass",
    "%%alur_pipeline daily --target orders\ndelete from orders",
    "%%alur_pipeline --from 'o/*.csv' --target orders\nselect 1 as id",
    "%%alur_pipeline\nimport alur_nb\n@alur_nb.pipeline(sources={'a': OrdersBronze}, target=OrdersBronze)\ndef p(b): ...",
]
ACTING = [
    "%alur_preview",
    "%alur_preview ordrs",
    "%alur_preview ingest_order",
    "%alur_preview ingest_orders -n many",
    "%alur_preview ingest_orders --row 5",
    "%alur_preview ingest_orders -n",
    "%alur_preview ingest_orders now",
    "%alur_preview {nothing}",
    "%alur_run",
    "%alur_run ingest_orders --all",
    "%alur_run ingest_order",
    "%alur_run --al",
    "%alur_run 'open",
    "%alur_run --all --max-files some",
    "%alur_run --all -p day",
    "%alur_run --all -p day=1",
    "%alur_history ordrs",
    "%alur_history orders -n 0",
    "%alur_rejects",
    "%alur_rejects ordrs --by-reason",
    "%alur_rejects orders --by-reson",
    "%alur_rejcts orders",
    "%%alur_tabel x\nid int",
    "%alur_sql",
    "%alur_sql selct * from orders",
    "%alur_sql select * from ordrs",
    "%%alur_sql --out 1x\nselect * from orders",
    "%%alur_sql --lmit 5\nselect * from orders",
    "%alur_sql --lmit 5 select * from orders",
    "%%alur_sql\ndelete from orders",
    "%%alur_sql\nselect 1; select 2",
    "%alur_check orders",
    "%alur_export --evn dev",
    "%alur_export --env prod",
    "%alur_export --env dev --notebook nowhere.ipynb",
    "%alur_export -p day",
    "%alur helpp",
    "%alur_deploy --plann",
    "%alur_deploy --env local",
    "%alur_logs",
    "%alur_env local",
    "%alur_env prod",
    "%alur_run ingest_orders --env dev --full",
    "%alur_run --env dev",
    "%alur_run --all --stop",
]
PLAIN = [
    "import alur_nb\nclass A(alur_nb.BronzeTable):\n    x = alur_nb.StringField",
    "import alur_nb\nclass A(alur_nb.BronzeTable):\n    x = alur_nb.DecimalField(2, 10)",
    "import alur_nb\n@alur_nb.pipeline(sources={'o': alur_nb.files('o/*.csv')}, target=OrdersBronze)\ndef p(x): ...",
    "import alur_nb\nalur_nb.preview('ingest_order')",
    "import alur_nb\nalur_nb.run('ingest_order')",
]
GROUPS = {"tables": TABLES, "pipelines": PIPELINES, "acting": ACTING, "plain Python": PLAIN}
CELLS = [cell for cells in GROUPS.values() for cell in cells]


def read_golden() -> dict[str, list[str]]:
    """Return the lines of each cell; a cell's own lines begin with `> `."""
    sections: dict[str, list[str]] = {}
    text = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    for section in filter(None, text.split("\n\n")):
        lines = section.strip("\n").split("\n")
        cell = "\n".join(line[2:] for line in lines if line.startswith("> "))
        sections[cell] = [line for line in lines if not line.startswith("> ")]
    return sections


def write_golden(told: dict[str, list[str]]) -> None:
    sections = {**read_golden(), **told}
    texts = [
        "\n".join([*(f"> {line}" for line in cell.split("\n")), *sections[cell]])
        for cell in CELLS
        if cell in sections
    ]
    GOLDEN.write_text("\n\n".join(texts) + "\n", encoding="utf-8")


@pytest.fixture
def shop(notebook: Notebook, land: Land) -> Notebook:
    """A notebook with a table, its ingestion, a landing file and an environment."""
    land("orders/1.csv", "id,amount\n1,2.50\n")
    toml = Path("alur.toml")
    toml.write_text(toml.read_text() + ENVIRONMENT)
    notebook.ok(ORDERS, "table")
    notebook.ok(INGEST, "pipeline")
    return notebook


def lines_of(shop: Notebook, cell: str) -> list[str]:
    """Return the lines that end a cell, which is the fourth however many were run before it."""
    assert shop.shell.history_manager is not None
    del shop.shell.history_manager.input_hist_raw[4:]
    shop.run(cell)
    assert isinstance(shop.error, AlurError), (cell, shop.error)
    return [line.rstrip().replace(str(Path.cwd()), "<project>") for line in shop.error_lines]


@pytest.mark.parametrize("group", GROUPS)
def test_a_mistake_ends_its_cell_in_the_golden_lines(shop: Notebook, group: str) -> None:
    told = {cell: lines_of(shop, cell) for cell in GROUPS[group]}
    if WRITES:
        write_golden(told)
    golden = read_golden()
    assert told == {cell: golden.get(cell) for cell in GROUPS[group]}
    for lines in told.values():
        kind, _, message = lines[0].partition(": ")
        assert kind.endswith("Error") and message
        assert len(lines) <= 6
        assert any(line.startswith("  where: cell [4], line ") for line in lines)
        assert any(line.startswith("  next:  ") for line in lines)
        assert not any("alur_nb/" in line or "Traceback" in line for line in lines)


def test_mistakes_change_nothing(shop: Notebook, project: Project) -> None:
    for cell in CELLS:
        shop.run(cell)
    assert [*project.tables, *project.pipelines] == ["bronze.orders", "ingest_orders"]
    assert not Path(".alur").exists()


def test_the_golden_file_has_each_mistake_and_no_other() -> None:
    assert len(set(CELLS)) == len(CELLS) >= 60
    assert list(read_golden()) == CELLS
