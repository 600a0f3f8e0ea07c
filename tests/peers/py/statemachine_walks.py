"""SCXML run by python-statemachine: per walk the configuration and what was logged, after each event."""

import ast
import contextlib
import io
import json
import pathlib
import sys
import tempfile
from functools import partial

from statemachine import io as statecharts


def logged(act):
    """Return what `act` returns, and the values that it logged under `call`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = act()
    lines = (line.partition(": ") for line in out.getvalue().splitlines())
    return result, [ast.literal_eval(value) for label, _, value in lines if label == "call"]


def walked(kind, events):
    engine, called = logged(kind)
    steps = [[[state.id for state in engine.configuration], called]]
    for event in events:
        _, called = logged(partial(engine.send, event))
        steps.append([[state.id for state in engine.configuration], called])
    return steps


def main():
    jobs = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, job) in enumerate(jobs.items()):
            path = pathlib.Path(folder) / f"machine{number}.scxml"
            path.write_text(job["text"], encoding="utf-8")
            try:
                # Loaded anew for each walk: engines of one class share the values of their datamodel.
                found[name] = [walked(statecharts.load(str(path)), events) for events in job["walks"]]
            except Exception as error:
                found[name] = repr(error)[:500]
    print(json.dumps(found))


main()
