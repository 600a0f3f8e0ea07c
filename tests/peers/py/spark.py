"""A dataset of `export --format parquet` as PySpark reads it."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession, functions

given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
os.chdir(Path(given["folder"]).parent)  # before Spark starts, which keeps it
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
log = spark.read.parquet(given["folder"])
row = log.agg(
    functions.countDistinct("run"), functions.count("*"), functions.countDistinct("robot"), functions.sum("seconds")
).first()
stamps = log.agg(functions.min("timestamp").cast("string"), functions.max("timestamp").cast("string")).first()
with contextlib.redirect_stdout(io.StringIO()) as shown:
    exec(given["program"], {"spark": spark})
told = {"counts": list(row), "stamps": list(stamps), "columns": sorted(log.columns), "program": shown.getvalue()}
print(json.dumps(told))
