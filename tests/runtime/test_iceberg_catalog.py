"""The catalog in a session: its name, its settings, and that it shows the warehouse of the project in hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alur_nb.runtime.iceberg_catalog import catalog_conf, identifier, is_available, open_catalog

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_a_name_has_three_quoted_parts() -> None:
    assert identifier("silver", "orders") == "`alur`.`silver`.`orders`"
    assert identifier("shop_dev_gold", "we`ird") == "`alur`.`shop_dev_gold`.`we``ird`"


def test_on_aws_the_catalog_is_glues_and_needs_no_warehouse() -> None:
    conf = catalog_conf(is_local=False)
    local = catalog_conf(is_local=True)
    # Where the catalog is: a folder, or Glue's on S3. What else it does is the same.
    assert local.pop("spark.sql.catalog.alur.type") == "hadoop"
    assert conf.pop("spark.sql.catalog.alur.type") == "glue"
    assert conf.pop("spark.sql.catalog.alur.io-impl") == "org.apache.iceberg.aws.s3.S3FileIO"
    assert conf == local
    assert not [key for key in conf if key.endswith("warehouse")]
    # Glue takes one --conf, in which the further ones are chained: a blank would end a value.
    assert not [value for value in conf.values() if " " in value]


@pytest.mark.slow
def test_the_catalog_shows_the_warehouse_that_was_opened_last(iceberg: SparkSession, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "a b" / "other"
    name = identifier("silver", "numbers")
    for warehouse, numbers in ((one, [1]), (other, [2, 3])):
        open_catalog(iceberg, warehouse)
        iceberg.sql(f"CREATE TABLE {name} (n INT) USING iceberg")
        iceberg.createDataFrame([(n,) for n in numbers], "n int").writeTo(name).append()
    assert [path.name for path in (other / "silver").iterdir()] == ["numbers"]
    open_catalog(iceberg, one)
    assert [row.n for row in iceberg.table(name).collect()] == [1]
    open_catalog(iceberg, other)
    assert sorted(row.n for row in iceberg.table(name).collect()) == [2, 3]


@pytest.mark.slow
def test_what_another_process_commits_is_seen_at_once(iceberg: SparkSession, tmp_path: Path) -> None:
    """A catalog with a cache shows its own last snapshot for 30 seconds more."""
    open_catalog(iceberg, tmp_path)
    name = identifier("silver", "numbers")
    iceberg.sql(f"CREATE TABLE {name} (n INT) USING iceberg")
    assert iceberg.table(name).count() == 0
    elsewhere = iceberg.newSession()
    open_catalog(elsewhere, tmp_path)
    elsewhere.createDataFrame([(1,)], "n int").writeTo(name).append()
    assert iceberg.table(name).count() == 1


@pytest.mark.slow
def test_a_session_with_the_jar_has_iceberg(iceberg: SparkSession) -> None:
    assert is_available(iceberg)
