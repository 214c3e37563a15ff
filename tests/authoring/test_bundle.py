from __future__ import annotations

import json
import shutil
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

import alur_nb
from alur_nb.authoring.bundle import Bundle, check_bundle, export
from alur_nb.authoring.following import Following
from alur_nb.runtime.errors import (
    AlurError,
    ExportError,
    RunCancelledError,
    SettingsError,
)
from alur_nb.runtime.settings import load_settings, session_conf

GOLDEN = Path(__file__).parent.parent / "golden" / "bundle"

SETTINGS = """
[project]
name = "shop"

[env.dev]
landing = "s3://acme-landing-dev/in"
region = "eu-central-1"

[env.dev.parameters]
limit = 7
limitt = 8

[profiles.large]
number_of_workers = 10
"""
IMPORTS = """\
from alur_nb import BronzeTable, DoubleField, SilverTable, StringField
from alur_nb import expect, files, new, no_nulls_in_column, pipeline, schedule
from rules import THRESHOLD"""
ORDERS = '''\
class OrdersBronze(BronzeTable):
    """Orders, "as they come"; 100 % of them."""
    order_id = StringField(nullable=False, description="The shop's number")
    amount = DoubleField()'''
INGEST = '''\
@schedule("0 6 * * ? *", timezone="Europe/Berlin")
@expect(check_fn=no_nulls_in_column("order_id"))
@pipeline(sources={"orders": files("orders/*.csv", source_system="shop")}, target=OrdersBronze,
          resource_profile="large")
def ingest_orders(orders):
    """Brings the shop's orders in."""
    return orders.limit(limit)'''
BIG = """\
# Large enough to be looked at.
EDGE = 100

class BigOrdersBronze(BronzeTable):
    order_id = StringField()
    amount = DoubleField()

@pipeline(sources={"orders": new(OrdersBronze)}, target=BigOrdersBronze)
def big_orders(orders):
    return orders.filter(orders.amount > EDGE + THRESHOLD)"""


def save(folder: Path, cells: Sequence[str], settings: str = SETTINGS) -> Path:
    """Lay out a project with one notebook; the first cell is the parameters'."""
    code = [v4.new_code_cell(cell) for cell in cells]
    code[0].metadata["tags"] = ["parameters"]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Shop"), *code])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    (folder / "alur.toml").write_text(settings, encoding="utf-8")
    (folder / "rules.py").write_text("THRESHOLD = 5\n", encoding="utf-8")
    nbformat.write(notebook, folder / "shop.ipynb")
    return folder / "shop.ipynb"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("shop"), ["limit = 10", IMPORTS, ORDERS, "1 / 0", INGEST, BIG])


@pytest.fixture(scope="module")
def bundle(notebook: Path) -> Bundle:
    return export(notebook)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace(alur_nb.__version__, "VERSION")


def without_hashes(path: Path) -> dict[str, object]:
    manifest = json.loads(read(path))
    manifest["files"] = sorted(manifest["files"])
    for pipeline in manifest["pipelines"].values():
        pipeline["hash"] = "HASH"
    return manifest  # type: ignore[no-any-return]


@pytest.mark.slow
def test_the_bundle_is_beside_the_settings_and_says_what_is_in_it(notebook: Path, bundle: Bundle) -> None:
    assert bundle.path == notebook.parent / "bundle"
    assert bundle.scripts == ("jobs/big_orders.py", "jobs/ingest_orders.py")
    assert bundle.tables == ("bronze.big_orders", "bronze.orders")
    assert bundle.pipelines == ("big_orders", "ingest_orders")
    assert "manifest.json" in bundle.changed_files
    assert str(bundle).startswith("Bundle for dev: 2 jobs, 2 tables, in bundle\n")
    assert json.loads(json.dumps(bundle.to_dict()))["scripts"] == list(bundle.scripts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["big_orders", "ingest_orders"])
def test_a_script_is_the_pipelines_part_of_the_notebook(bundle: Bundle, name: str) -> None:
    assert read(bundle.path / f"jobs/{name}.py") == read(GOLDEN / f"shop_{name}.py.txt")


@pytest.mark.slow
def test_the_manifest_is_what_the_scripts_declare(bundle: Bundle) -> None:
    golden = json.loads((GOLDEN / "shop_manifest.json").read_text(encoding="utf-8"))
    assert without_hashes(bundle.path / "manifest.json") == golden


@pytest.mark.slow
def test_terraforms_values_come_from_the_manifest_and_the_environment(bundle: Bundle) -> None:
    values = json.loads(read(bundle.path / "terraform/alur.auto.tfvars.json"))
    assert values.pop("spark_conf") == session_conf(load_settings(bundle.path).environment("dev"))
    assert values == json.loads((GOLDEN / "shop_tfvars.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_local_module_travels_along(bundle: Bundle) -> None:
    with zipfile.ZipFile(bundle.path / "lib/modules.zip") as archive:
        assert archive.read("rules.py") == b"THRESHOLD = 5\n"


@pytest.mark.slow
def test_a_parameter_that_the_notebook_does_not_have_is_a_warning(bundle: Bundle) -> None:
    assert bundle.warnings == (
        "[env.dev.parameters] limitt: the notebook has no such parameter (did you mean `limit`?)",
    )


@pytest.mark.slow
def test_nothing_in_the_bundle_names_this_machine(notebook: Path, bundle: Bundle) -> None:
    for path in bundle.path.rglob("*"):
        if path.is_file() and path.suffix != ".whl":
            assert str(notebook.parent).encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_a_second_export_gives_the_same_bytes_and_a_check_names_what_differs(
    notebook: Path, bundle: Bundle, tmp_path: Path
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle.path, copy)
    (copy / "jobs/ingest_orders.py").write_text("edited", encoding="utf-8")
    (copy / "terraform/backend.tf").write_text("theirs", encoding="utf-8")

    checked = check_bundle(notebook, env="dev", out=copy)

    assert checked.changed_files == ("jobs/ingest_orders.py",)
    assert (copy / "jobs/ingest_orders.py").read_text(encoding="utf-8") == "edited"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.slow
def test_whoever_follows_sees_each_step_and_a_cancelled_export_leaves_the_bundle(
    notebook: Path, bundle: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(bundle.path, out)
    (out / "jobs/ingest_orders.py").write_text("edited", encoding="utf-8")
    told: list[str] = []

    def stage(text: str) -> None:
        told.append(text)
        if text.startswith("calls"):
            # The interpreter that traces is running by then.
            threading.Timer(0.3, following.cancelled.set).start()

    following = Following(lambda number, total, label: told.append(f"{number}/{total} {label}"), stage)
    with pytest.raises(RunCancelledError, match="as it was"):
        export(notebook, out=out, following=following)
    assert told == [
        "starts a clean kernel",
        "1/7 sets the parameters' defaults",
        "2/7 sets the given parameters",
        "3/7 from alur_nb import BronzeTable, DoubleField, SilverTable, …",
        "4/7 declares OrdersBronze",
        "5/7 declares ingest_orders",
        "6/7 declares BigOrdersBronze, big_orders",
        "7/7 hands over what is declared",
        "cuts out what each pipeline needs",
        "writes 2 jobs",
        "calls each job once with empty frames",
    ]
    assert (out / "jobs/ingest_orders.py").read_text(encoding="utf-8") == "edited"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]

    changed = export(notebook, out=out)
    assert [str(change) for change in changed.changes] == ["changed: jobs/ingest_orders.py"]
    assert "-edited" in changed.changes[0].diff
    assert "changed: jobs/ingest_orders.py" in str(changed)


REFUSED: dict[str, tuple[list[str], type[AlurError], str]] = {
    "no pipeline": ([ORDERS], ExportError, "declares no pipeline"),
    "a failing cell": ([ORDERS, INGEST.replace('"order_id"', '"ordr_id"')], ExportError, "Cell 5"),
    "a name bound twice": (["limit = 11", ORDERS, INGEST], ExportError, "limit"),
    "two pipelines on one job": (
        [ORDERS, INGEST, BIG.replace("target=", 'name="ingest_orders", target=')],
        ExportError,
        "The pipeline ingest_orders is declared in cell 5 and in cell 6",
    ),
    "two tables of one name": (
        [
            ORDERS,
            INGEST,
            BIG.partition("@")[0].replace("    order", "    class Meta: name = 'orders'\n    order"),
        ],
        ExportError,
        "The table bronze.orders is declared in cell 4 and in cell 6",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exported_is_refused_with_the_next_step(tmp_path: Path, case: str) -> None:
    cells, kind, words = REFUSED[case]
    path = save(tmp_path, ["limit = 10", IMPORTS, *cells])
    with pytest.raises(kind, match=words) as caught:
        export(path)
    assert caught.value.fix
    assert caught.value.place
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "pattern", "message"),
    [
        (SETTINGS, "/data/orders/*.csv", "a path of this machine"),
        (SETTINGS.replace('landing = "s3://acme-landing-dev/in"\n', ""), "orders/*.csv", "has no landing"),
    ],
    ids=["an absolute path", "no landing"],
)
def test_a_source_that_no_job_can_read_is_told_at_its_cell(
    tmp_path: Path, settings: str, pattern: str, message: str
) -> None:
    cells = ["limit = 10", IMPORTS, ORDERS, INGEST.replace("orders/*.csv", pattern)]
    with pytest.raises(ExportError, match=message) as caught:
        export(save(tmp_path, cells, settings))
    assert str(caught.value.place) == "shop.ipynb, cell 5"
    assert caught.value.fix
    assert not (tmp_path / "bundle").exists()


def test_the_local_environment_has_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="this machine") as caught:
        export(save(tmp_path, ["limit = 10"]), env="local")
    assert "--env" in str(caught.value.fix)


def test_a_parameter_that_is_given_must_be_the_notebooks(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean `limit`"):
        export(save(tmp_path, ["limit = 10"]), parameters={"limits": 3})


def test_without_an_environment_the_next_step_is_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No environment"):
        export(save(tmp_path, ["limit = 10"], settings=""))
