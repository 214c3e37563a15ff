"""The projects that the tests open: landing files, some of their rows bad, and where an export goes."""

from __future__ import annotations

from pathlib import Path

import nbformat

SETTINGS = """\
[project]
name = "{name}"

[env.dev]
region = "eu-central-1"
account_id = "123456789012"
bucket = "acme-{name}-dev"
landing = "s3://acme-landing-dev/"
"""

HEADER = "order_id,customer,amount,ordered_at\n"
FIRST = (
    "1001,Ada Lovelace,12.50,2026-03-01 09:15:00\n"
    "1002,Grace Hopper,199.99,2026-03-01 10:02:30\n"
    '1003,"Hamilton, Margaret",7.00,2026-03-01 11:40:00\n'
    "1004,Katherine Johnson,12.345,2026-03-01 12:00:00\n"
)
SECOND = (
    "1005,Annie Easley,88.10,2026-03-02 08:00:00\n"
    "1006,Mary Jackson,free,2026-03-02 08:30:00\n"
    "1007,<b>Radia</b> & Perlman,450.00,2026-03-02 09:45:10\n"
    "x008,Barbara Liskov,31.00,2026-03-02 10:00:00\n"
)
VISITS = "visitor,came,minutes\n00017,2026-03-01,12\n00018,2026-03-02,45\n"
BAD_LINE = "1006,Mary Jackson,free,2026-03-02 08:30:00"

TABLE = """\
%%alur_table orders --layer bronze
order_id long not null
customer string
amount decimal(10,2) comment 'EUR, VAT included'
ordered_at timestamp"""

PIPELINE = (
    "%alur_pipeline ingest_orders --from 'orders/*.csv' --target orders "
    "--no-strict --reject-limit 0.5 --expect 'amount >= 0'"
)

# Four hundred naps of a second on two cores: no test waits for its end.
SLOW = """\
%%alur_pipeline slow
import alur_nb

@alur_nb.pipeline(target=BigBronze)
def slow():
    spark = alur_nb.get_spark_session()
    spark.udf.register("nap", lambda x: (__import__("time").sleep(1), x)[1], "long")
    return spark.range(0, 400, 1, 2).selectExpr("nap(id) as id")"""

WORKSHOP = (
    "%load_ext alur_nb",
    TABLE,
    PIPELINE,
    "%%alur_table big\nid bigint",
    SLOW,
)


def lay_project(folder: Path) -> None:
    """Write the settings, two landing files of orders and one of visits."""
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "alur.toml").write_text(SETTINGS.format(name=folder.name))
    for name, rows in (("2026-03-01.csv", FIRST), ("2026-03-02.csv", SECOND)):
        (folder / "data" / "orders" / name).write_text(HEADER + rows)
    (folder / "data" / "visits").mkdir()
    (folder / "data" / "visits" / "2026-03.csv").write_text(VISITS)


def lay_notebook(path: Path, *sources: str) -> None:
    """Write a notebook that was never run; its last cell is empty."""
    cells = [nbformat.v4.new_code_cell(source) for source in (*sources, "")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
