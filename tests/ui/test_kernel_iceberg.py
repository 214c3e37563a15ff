"""In a real kernel whose cache is empty: the first silver table brings Iceberg, and Spark starts again with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.iceberg import FOLDER, INSTALL, jar
from tests.require import require_path
from tests.ui.kernel import Kernel

pytestmark = pytest.mark.slow

SILVER = "%%alur_table orders --layer silver --primary-key id\nid int not null"
USE = (
    "spark.sql('CREATE TABLE alur.silver.numbers (n INT) USING iceberg')\n"
    "spark.range(3).selectExpr('cast(id as int) n').writeTo('alur.silver.numbers').append()\n"
    "print(spark.table('alur.silver.numbers').count(), 'rows')"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Maven repository in a folder, with the one jar."""
    source = require_path(FOLDER / jar().name, INSTALL)
    place = tmp_path / "maven" / jar().repository_path
    place.parent.mkdir(parents=True)
    place.symlink_to(source)
    return tmp_path / "maven"


@pytest.fixture
def kernel(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel of a user who has fetched nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ALUR_MAVEN_URL", repository.as_uri())
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "alur.toml").write_text("[project]\nclass_archive = false\n")
    made = Kernel(tmp_path / "shop")
    try:
        yield made
    finally:
        made.close()


def test_the_first_silver_table_brings_iceberg_once(kernel: Kernel, tmp_path: Path) -> None:
    assert kernel.run("%load_ext alur_nb", "load").status == "ok"
    made = kernel.run(
        "import alur_nb\nspark = alur_nb.get_spark_session()\nprint(spark.range(2).count())", "s"
    )
    assert made.streams.endswith("2\n"), made.error
    assert not (tmp_path / "cache" / "alur-nb" / jar().name).exists()

    declared = kernel.run(SILVER, "silver")
    assert declared.status == "ok", declared.error
    told = "\n".join(declared.texts())
    assert "Fetching Apache Iceberg 1.10.0 for Spark 3.5 and Scala 2.12, 47 MB, once for this machine" in told
    assert "Spark is started again, once, with Iceberg" in told and "spark is the new session." in told
    used = kernel.run(USE, "use")
    assert used.streams.endswith("3 rows\n"), used.error
    assert (tmp_path / "shop" / ".alur" / "warehouse" / "silver" / "numbers" / "metadata").is_dir()

    again = kernel.run(SILVER, "silver")
    assert again.status == "ok" and "Iceberg" not in "\n".join(again.texts())
