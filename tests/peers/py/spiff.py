"""BPMN checked against the schemas of OMG and executed by SpiffWorkflow: per walk the task that waits and the calls."""

import json
import pathlib
import re
import sys
import tempfile
import time

from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser, BpmnValidator


def settle(workflow):
    """Run everything that waits for nobody; return the names of the callbacks that were called."""
    called: list[str] = []
    while True:
        workflow.do_engine_steps()
        started = workflow.get_tasks(state=TaskState.STARTED)
        if not started:
            return called
        for task in started:
            called.append(task.task_spec.bpmn_name)
            task.complete()


def where(workflow):
    waiting = [task.task_spec.bpmn_id for task in workflow.get_tasks(state=TaskState.READY)]
    if waiting or not workflow.is_completed():
        return waiting
    ends = [task for task in workflow.get_tasks(state=TaskState.COMPLETED) if task.task_spec.bpmn_id]
    return [ends[-1].task_spec.bpmn_id]


def walked(spec, events, wait_ms):
    workflow = BpmnWorkflow(spec)
    called = settle(workflow)
    steps = [[where(workflow), called]]
    for event, spent in events:
        (task,) = workflow.get_tasks(state=TaskState.READY)
        task.data.update(event=event, spent=spent)
        task.run()
        called = settle(workflow)
        steps.append([where(workflow), called])
    ends = time.monotonic() + wait_ms / 1000
    while time.monotonic() < ends and not workflow.is_completed():
        time.sleep(0.02)
        workflow.refresh_waiting_tasks()
        called += settle(workflow)
        steps.append([where(workflow), called])
    return steps


def main():
    jobs = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, job) in enumerate(jobs.items()):
            path = pathlib.Path(folder) / f"process{number}.bpmn"
            # It evaluates a duration as an expression of Python, where the standard has the bare ISO 8601.
            path.write_text(
                re.sub(r">(P[0-9A-Z.]+)</timeDuration>", r'>"\1"</timeDuration>', job["text"]), encoding="utf-8"
            )
            try:
                parser = BpmnParser(validator=BpmnValidator())
                parser.add_bpmn_file(str(path))
                spec = parser.get_spec("Process_1") if job["walks"] else None
                found[name] = [walked(spec, events, job.get("wait_ms", 0)) for events in job["walks"]]
            except Exception as error:
                found[name] = repr(error)[:500]
    print(json.dumps(found))


main()
