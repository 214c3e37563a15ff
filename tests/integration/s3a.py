"""Spark on the tests' S3 server: Hadoop's S3A on the class path of the one session that a test process has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from alur_nb.runtime.s3 import hadoop_conf
from tests.require import require_path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JARS = Path(__file__).parents[2] / ".tools" / "jars"


def put_on_class_path() -> None:
    """Tell the JVM that this process will start of the jars; later it cannot be told any more."""
    jars = sorted(map(str, JARS.glob("*.jar")))
    if jars:
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--driver-class-path {os.pathsep.join(jars)} pyspark-shell"


def open_s3(spark: SparkSession) -> None:
    """Let the session open `s3://` where boto3 does; settings of the session win over those of its start."""
    require_path(JARS / ".fetched", "make servers")
    java = spark.sparkContext._jsc
    for key, value in hadoop_conf().items():
        spark.conf.set(key, value)
        java.hadoopConfiguration().set(key, value)
