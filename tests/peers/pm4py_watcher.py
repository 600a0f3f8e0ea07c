"""Run by the Python of the pm4py environment: reads the log of the watcher, prints what it found as JSON.

`pm4py_watcher.py EVENTS.xes`.
"""

import json
import sys

import pm4py

log = pm4py.read_xes(sys.argv[1])
net = pm4py.discover_petri_net_inductive(log)
fitness = pm4py.fitness_token_based_replay(log, *net)["log_fitness"]
cases = {name: list(rows["concept:name"]) for name, rows in log.groupby("case:concept:name", sort=False)}
print(json.dumps({"cases": cases, "variants": len(pm4py.get_variants(log)), "fitness": fitness}))
