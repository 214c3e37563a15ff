"""Iceberg's catalog, `alur`, in a Spark session: by what settings it is there, and how a table is named in it.

On the laptop it is a folder (Iceberg's hadoop catalog), on AWS the Glue Data Catalog with Iceberg's own S3 client.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "alur"
EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
_PREFIX = f"spark.sql.catalog.{CATALOG}"
WAREHOUSE = f"{_PREFIX}.warehouse"


def identifier(database: str, table: str) -> str:
    """Return a table's name in SQL, quoted: on the laptop the database is the layer, on AWS it is Glue's."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in (CATALOG, database, table))


def catalog_conf(*, is_local: bool) -> dict[str, str]:
    """Return the Spark settings that bring the catalog; all of them are static, so a session starts with them.

    They come beside `session_conf`, where Iceberg is on the class path: with the jar on the laptop, on Glue in jobs
    that touch an Iceberg table. What is in the catalog is the same on both.

    On AWS no warehouse is among them: every table is created with its location, and GlueCatalog asks for a warehouse
    only where it has to think one out (Iceberg's `GlueCatalog.defaultWarehouseLocation`).
    """
    conf = {
        "spark.sql.extensions": EXTENSIONS,
        _PREFIX: "org.apache.iceberg.spark.SparkCatalog",
        # A cached table is the snapshot that this process saw last, for 30 s after another has committed.
        f"{_PREFIX}.cache-enabled": "false",
    }
    if is_local:
        return conf | {f"{_PREFIX}.type": "hadoop"}
    return conf | {f"{_PREFIX}.type": "glue", f"{_PREFIX}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO"}


def warehouse_conf(warehouse: Path) -> dict[str, str]:
    """Return the setting of the laptop's warehouse, the folder that holds the layers."""
    return {WAREHOUSE: warehouse.resolve().as_posix()}


def open_catalog(spark: SparkSession, warehouse: Path) -> None:
    """Let the laptop's catalog show this warehouse: a session outlives a project, as in tests and long kernels.

    Cheap where it does already, so it is asked for before each use.
    """
    wanted = warehouse.resolve().as_posix()
    if spark.conf.get(WAREHOUSE, "") == wanted:
        return
    spark.conf.set(WAREHOUSE, wanted)
    # A catalog reads its settings once, when it is first named (Spark's CatalogManager); this lets it do so again.
    session: Any = spark._jsparkSession
    session.sessionState().catalogManager().reset()


def is_available(spark: SparkSession) -> bool:
    """Whether Iceberg is on the session's class path, and the session has started with its extensions."""
    java: Any = spark._jvm
    # py4j answers with a package where there is no class of the name.
    found = type(java.org.apache.iceberg.spark.SparkCatalog).__name__ == "JavaClass"
    return found and EXTENSIONS in (spark.conf.get("spark.sql.extensions", "") or "")
