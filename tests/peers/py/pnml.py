"""PNML read by pm4py: is the net sound, and what does its reachability graph look like?"""

import json
import pathlib
import sys
import tempfile

import pm4py
from pm4py.objects.petri_net.utils.reachability_graph import construct_reachability_graph


def read(text, path):
    path.write_text(text, encoding="utf-8")
    net, start, end = pm4py.read_pnml(str(path))
    graph = construct_reachability_graph(net, start, use_trans_name=True)
    labels = {transition.name: transition.label for transition in net.transitions}
    names = {place.name: place.properties.get("place_name_tag", place.name) for place in net.places}
    edges = []
    for transition in net.transitions:
        (source,) = [arc.source.name for arc in transition.in_arcs]
        (target,) = [arc.target.name for arc in transition.out_arcs]
        edges.append([names[source], labels[transition.name], names[target]])
    return {
        "sound": bool(pm4py.check_soundness(net, start, end)[0]),
        "states": len(graph.states),
        "steps": len(graph.transitions),
        "edges": edges,
        "start": [names[place.name] for place in start],
        "end": [names[place.name] for place in end],
    }


def main():
    jobs = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, text) in enumerate(jobs.items()):
            try:
                found[name] = read(text, pathlib.Path(folder) / f"net{number}.pnml")
            except Exception as error:
                found[name] = repr(error)[:500]
    print(json.dumps(found))


main()
