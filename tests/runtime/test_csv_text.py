from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.sql import SparkSession

from alur_nb.runtime.errors import SourceError
from alur_nb.runtime.landed import checked_uri
from tests.csv_case import TEXTS, land, rows


class Landed(NamedTuple):
    path: str
    uri: str
    size: int = 0


def test_rows_know_their_files_in_a_landing_folder_with_odd_letters(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = tmp_path / "in [1] {x} % ü"
    land(folder, {"1.csv": "a,b\n1,x\n", "2.csv": "a,b\n2,y\n"})
    found = rows(spark, folder, TEXTS)
    assert {row["_source_file"]: row["a"] for row in found} == {"1.csv": "1", "2.csv": "2"}


@pytest.mark.parametrize(
    ("uri", "refused"),
    [
        ("s3://land/a:b.csv", False),
        ("s3://land/[1]/a:b.csv", True),
        ("s3://land/a:b/{x}.csv", True),
        ("s3://land/[1].csv", False),
        ("file:///land/a:b.csv", True),
    ],
)
def test_colons_are_refused_where_spark_takes_them_for_a_scheme(uri: str, refused: bool) -> None:
    file = Landed(uri.rsplit("/", 1)[1], uri)
    if refused:
        with pytest.raises(SourceError, match="cannot open") as caught:
            checked_uri(file)
        assert "Rename the file" in str(caught.value)
    else:
        assert checked_uri(file) == uri
