"""The map that pm4py mines from an event log, as a picture."""

import json
import pathlib
import sys

import pm4py

job = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
pm4py.save_vis_dfg(*pm4py.discover_dfg(pm4py.read_xes(job["log"])), job["picture"])
print(json.dumps("done"))
