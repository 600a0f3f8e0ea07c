"""A dataset of `export --format parquet` as DuckDB, pandas and pm4py read it: runs, lines, jobs, activities, columns."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pm4py

given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
folder = given["folder"]
files = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
counts = "count(DISTINCT run), count(*), count(DISTINCT nullif(job, '')), count(DISTINCT robot), sum(seconds)"
found = {"duckdb": duckdb.sql(f"SELECT {counts} FROM {files}").fetchall()[0]}
found["duckdb activities"] = dict(duckdb.sql(f"SELECT activity, count(*) FROM {files} GROUP BY activity").fetchall())
found["days"] = [str(day) for (day,) in duckdb.sql(f"SELECT DISTINCT day FROM {files} ORDER BY day").fetchall()]
log = pandas.read_parquet(folder)
jobs = log["job"][log["job"] != ""].nunique()
found["pandas"] = [log["run"].nunique(), len(log), int(jobs), log["robot"].nunique(), float(log["seconds"].sum())]
found["missing"] = int(log.isna().sum().sum())
log["robot"] = log["robot"].astype(str)
formatted = pm4py.format_dataframe(
    log.sort_values(["run", "seq"]), case_id="run", activity_key="activity", timestamp_key="timestamp"
)
found["pm4py"] = [int(formatted["case:concept:name"].nunique()), len(formatted)]
graph, _, _ = pm4py.discover_dfg(formatted)
found["follows"] = sorted([a, b, count] for (a, b), count in graph.items())
graph, _, _ = pm4py.discover_dfg(pm4py.read_xes(given["xes"]))
found["follows in xes"] = sorted([a, b, count] for (a, b), count in graph.items())
names: dict[str, Any] = {}
os.chdir(Path(folder).parent)
exec(given["program"], names)
found["program"] = [int(names["log"]["case:concept:name"].nunique()), len(names["log"])]
print(json.dumps(found, default=int))
