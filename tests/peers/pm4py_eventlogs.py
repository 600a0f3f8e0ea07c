"""Run by the Python of the pm4py environment: reads logs with pm4py, replays them, prints what it found as JSON.

`pm4py_eventlogs.py MACHINE.json EVENTS.xes STATES.xes TABLE.csv OBJECTS.json`. pm4py is AGPL: it lives in an environment
of its own, and only this script, which nothing imports, knows it.
"""

import json
import sys

import pandas
import pm4py
from pm4py.algo.conformance.tokenreplay import algorithm as token_replay
from pm4py.objects.petri_net.obj import Marking, PetriNet
from pm4py.objects.petri_net.utils.petri_utils import add_arc_from_to


class Net:
    """A Petri net that grows; places and silent transitions are made when they are first named."""

    def __init__(self):
        self.net, self.places, self.count = PetriNet("machine"), {}, 0

    def place(self, name):
        if name not in self.places:
            self.places[name] = PetriNet.Place(name)
            self.net.places.add(self.places[name])
        return self.places[name]

    def transition(self, label, source, dest):
        self.count += 1
        transition = PetriNet.Transition(f"t{self.count}", label)
        self.net.transitions.add(transition)
        add_arc_from_to(self.place(source), transition, self.net)
        add_arc_from_to(transition, self.place(dest), self.net)

    def finished(self):
        return self.net, Marking({self.place("start"): 1}), Marking({self.place("end"): 1})


def event_net(machine):
    """Places are states, transitions are events. The initial state can be entered again, hence the silent start."""
    net = Net()
    net.transition(None, "start", f"in {machine['initial']}")
    for edge in machine["transitions"]:
        net.transition(edge["trigger"], f"in {edge['source']}", f"in {edge['dest']}")
    for state in machine["finals"]:
        net.transition(None, f"in {state}", "end")
    return net.finished()


def state_net(machine):
    """A transition per state, and silent ones from state to state; internal transitions leave no state."""
    net = Net()
    net.transition(None, "start", f"before {machine['initial']}")
    for state in machine["states"]:
        net.transition(state, f"before {state}", f"after {state}")
    for source, dest in sorted({(e["source"], e["dest"]) for e in machine["transitions"] if e["kind"] == "external"}):
        net.transition(None, f"after {source}", f"before {dest}")
    for state in machine["finals"]:
        net.transition(None, f"after {state}", "end")
    return net.finished()


def parted(alignment):
    """Return the moves where log and model part, each with how many events were in step before it."""
    in_step, found = 0, []
    for in_log, in_model in alignment:
        if in_log == in_model:
            in_step += 1
        elif in_model is not None:  # a silent transition
            found.append([in_step, in_log, in_model])
    return found


def judged(log, net):
    """Return, per case, the fitness of its alignment and the moves where log and model part."""
    names = list(log["case:concept:name"].drop_duplicates())
    aligned = pm4py.conformance_diagnostics_alignments(log, *net)
    replayed = token_replay.apply(pm4py.convert_to_event_log(log), *net)
    return {
        name: {
            "fitness": found["fitness"],
            "token_fitness": tokens["trace_fitness"],
            "parted": parted(found["alignment"]),
        }
        for name, found, tokens in zip(names, aligned, replayed, strict=True)
    }


def seen(log):
    """Return what pm4py made of a log."""
    stamps = pandas.to_datetime(log["time:timestamp"])
    return {
        "cases": {name: list(rows["concept:name"]) for name, rows in log.groupby("case:concept:name", sort=False)},
        "zone": str(stamps.dt.tz),
        "first": stamps.iloc[0].isoformat(),
        "ordered": bool(stamps.groupby(log["case:concept:name"]).apply(lambda s: s.is_monotonic_increasing).all()),
    }


def follows(log):
    """Return the directly-follows graph with its starts and ends."""
    graph, starts, ends = pm4py.discover_dfg(log)
    return [sorted([*pair, count] for pair, count in graph.items()), starts, ends]


def main():
    machine_file, events_xes, states_xes, table_csv, objects_json = sys.argv[1:]
    with open(machine_file, encoding="utf-8") as stream:
        machine = json.load(stream)
    events, states = pm4py.read_xes(events_xes), pm4py.read_xes(states_xes)
    table = pandas.read_csv(table_csv, keep_default_na=False)
    table["timestamp"] = pandas.to_datetime(table["timestamp"], utc=True)
    table = pm4py.format_dataframe(table, case_id="case", activity_key="activity", timestamp_key="timestamp")
    objects = pm4py.read_ocel2_json(objects_json)
    legacy = pm4py.objects.log.importer.xes.importer.apply(states_xes)
    print(
        json.dumps(
            {
                "events": seen(events),
                "states": seen(states),
                "table": seen(table),
                "follows": follows(states),
                "classifiers": legacy.classifiers,
                "extensions": sorted(legacy.extensions),
                "objects": {
                    "events": len(objects.events),
                    "objects": {kind: len(rows) for kind, rows in objects.objects.groupby(objects.object_type_column)},
                    "relations": len(objects.relations),
                    "qualifiers": sorted(objects.relations["ocel:qualifier"].unique()),
                    "o2o": len(objects.o2o),
                },
                "event_verdicts": judged(events, event_net(machine)),
                "state_verdicts": judged(states, state_net(machine)),
            }
        )
    )


if __name__ == "__main__":
    main()
