"""Runs the program of docs/analysts.md in a folder with `work.xes`, and tells what pm4py has mined there."""

import json
import os
import sys
from pathlib import Path

import pm4py

given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
os.chdir(given["folder"])
exec(compile(given["program"], "docs/analysts.md", "exec"))  # what the page shows is what is run
log = pm4py.read_xes("work.xes")
graph, starts, ends = pm4py.discover_dfg(log)
found = {
    "cases": int(log["case:concept:name"].nunique()),
    "starts": starts,
    "ends": ends,
    "follows": [[a, b, count] for (a, b), count in graph.items()],
}
print(json.dumps(found, default=int))
