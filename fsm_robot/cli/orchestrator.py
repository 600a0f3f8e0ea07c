"""`fsm-robot orchestrator`: the embedded orchestrator, its jobs, and its misbehaviour."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fsm_robot.errors import SettingsError
from fsm_robot.orchestrator import faults
from fsm_robot.orchestrator.protocol import plain_guid
from fsm_robot.orchestrator.rows import JobRow, iso
from fsm_robot.orchestrator.store import Store

DEFAULT_PORT = 4500
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EPILOG = """\
All commands but `serve` work on the same file, whether a server runs or not.

faults:  {syntax}
{kinds}
endpoints: {endpoints}
example: fsm-robot orchestrator fault "beat:status:503*3" "report:drop-after"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    kinds = "\n".join(f"  {kind:<12} {what}" for kind, what in faults.KINDS.items())
    parser.epilog = EPILOG.format(syntax=faults.SYNTAX, kinds=kinds, endpoints=", ".join(faults.ENDPOINTS))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--db", default="orchestrator.sqlite", metavar="FILE", help="its memory (default: %(default)s)")
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    serve = commands.add_parser("serve", parents=[shared], help="listen until Ctrl-C")
    serve.add_argument("--host", default="127.0.0.1", help="default: %(default)s, this machine only")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help="default: %(default)s; 0 takes a free one")
    serve.add_argument("--fault", action="append", default=[], metavar="TEXT", help="misbehave; may be repeated")
    serve.add_argument("--known-only", action="store_true", help="answer 101 to robots that were never seen")
    serve.add_argument("--lax", action="store_true", help="let a robot set any status of any job")
    serve.add_argument(
        "--task-key", choices=["Task", " Task "], default="Task", help="how the key is spelt on the wire"
    )
    serve.add_argument("--nested", choices=["string", "object"], default="string", help="how documents are put")
    serve.add_argument("--no-task", choices=["absent", "null", "empty", "null_text"], default="null")

    enqueue = commands.add_parser("enqueue", parents=[shared], help="add a job")
    enqueue.add_argument("script", help="path below the robot's scripts folder")
    enqueue.add_argument(
        "--task", metavar="JSON|@FILE", help='parameters, such as \'{"month": "2026-10"}\' or @task.json'
    )
    enqueue.add_argument("--name", default="", help="what people call the job")
    enqueue.add_argument("--priority", type=int, choices=[1, 2, 3], default=2, help="3 goes first (default: 2)")
    enqueue.add_argument("--robot", default="", metavar="LABEL", help="the only robot that may take it")
    enqueue.add_argument("--times", type=int, default=1, metavar="N", help="add it N times")

    for name, what in (("jobs", "list the jobs"), ("robots", "list the robots")):
        commands.add_parser(name, parents=[shared], help=what).add_argument("--json", action="store_true")
    for name, what in (("stop", "ask a job to stop"), ("abort", "end a job at once")):
        order = commands.add_parser(name, parents=[shared], help=what)
        order.add_argument("job", help="GUID, the beginning of one, or `last`")
    for name, what in (("forget", "answer 101 to a robot"), ("remember", "know it again")):
        commands.add_parser(name, parents=[shared], help=what).add_argument("robot", metavar="LABEL")
    fault = commands.add_parser(
        "fault", parents=[shared], help="misbehave from now on; without TEXT list what is in force"
    )
    fault.add_argument("text", nargs="*", metavar="TEXT")
    fault.add_argument("--clear", action="store_true", help="behave again")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    store = Store(Path(arguments.db).absolute())
    if arguments.action not in ("serve", "enqueue") and not store.path.exists():
        raise SettingsError(
            f"{store.path}: there is no such file; `serve` or `enqueue` makes it, --db names another one"
        )
    try:
        return ACTIONS[arguments.action](arguments, store)
    finally:
        store.close()


def _serve(arguments: argparse.Namespace, store: Store) -> int:
    from fsm_robot.orchestrator.protocol import WireForm
    from fsm_robot.orchestrator.server import Orchestrator
    from fsm_robot.orchestrator.service import Service

    ordered = [faults.Fault.parse(text) for text in arguments.fault]
    form = WireForm(task_key=arguments.task_key, nested=arguments.nested, no_task=arguments.no_task)
    service = Service(store, form, known_only=arguments.known_only, lax=arguments.lax)
    server = Orchestrator(store, arguments.host, arguments.port, service)
    leaving = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: leaving.set())
    with server:
        if arguments.host not in LOOPBACK:
            print(
                f"warning: {arguments.host} can be reached by others, and this server trusts everybody", file=sys.stderr
            )
        for fault in ordered:
            store.order_fault(fault)
        print(f"listening at {server.url} ; Ctrl-C ends it, {store.path} keeps the jobs", flush=True)
        leaving.wait()
    return 0


def _enqueue(arguments: argparse.Namespace, store: Store) -> int:
    task = _task(arguments.task)
    for _ in range(arguments.times):
        print(
            store.enqueue(
                arguments.script, task, name=arguments.name, priority=arguments.priority, robot=arguments.robot
            )
        )
    return 0


def _jobs(arguments: argparse.Namespace, store: Store) -> int:
    jobs = store.jobs()
    if arguments.json:
        print(json.dumps([job.to_json() for job in jobs], ensure_ascii=False, indent=2))
    else:
        rows = [(job.guid, job.status_word, job.robot, iso(job.created_at) or "", job.script) for job in jobs]
        _print_table(("job", "status", "robot", "created", "script"), rows)
    return 0


def _robots(arguments: argparse.Namespace, store: Store) -> int:
    robots = [(r.label, r.machine, iso(r.last_heartbeat) or "", r.job_name) for r in store.robots()]
    if arguments.json:
        names = ("label", "machine", "last_heartbeat", "job_name")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in robots], ensure_ascii=False, indent=2))
    else:
        _print_table(("robot", "machine", "last heartbeat", "last job"), robots)
    return 0


def _stop(arguments: argparse.Namespace, store: Store) -> int:
    return _told(store.order_stop(_guid(arguments.job, store)))


def _abort(arguments: argparse.Namespace, store: Store) -> int:
    return _told(store.order_abort(_guid(arguments.job, store)))


def _told(job: JobRow) -> int:
    print(
        f"{job.guid} is {job.status_word} now" + ("" if job.ended else "; the robot hears it with its next heartbeat")
    )
    return 0


def _forget(arguments: argparse.Namespace, store: Store) -> int:
    store.set_active(arguments.robot, False)
    return 0


def _remember(arguments: argparse.Namespace, store: Store) -> int:
    store.set_active(arguments.robot, True)
    return 0


def _fault(arguments: argparse.Namespace, store: Store) -> int:
    ordered = [faults.Fault.parse(text) for text in arguments.text]
    if arguments.clear:
        store.clear_faults()
    for fault in ordered:
        store.order_fault(fault)
    for fault, left in store.faults():
        print(f"{fault.text}   {'without end' if left is None else f'{left} left'}")
    return 0


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Store], int]] = {
    "serve": _serve,
    "enqueue": _enqueue,
    "jobs": _jobs,
    "robots": _robots,
    "stop": _stop,
    "abort": _abort,
    "forget": _forget,
    "remember": _remember,
    "fault": _fault,
}


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _task(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    where = "--task"
    if text.startswith("@"):
        where = text[1:]
        try:
            text = Path(where).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{where}: cannot be read: {error}") from error
    try:
        task = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{where}: is no JSON: {error}") from error
    if not isinstance(task, dict):
        raise SettingsError(f'{where}: must be a JSON object such as {{"month": "2026-10"}}')
    return task


def _guid(text: str, store: Store) -> str:
    """Return the GUID that a person means: whole, its beginning, or `last`."""
    if text == "last" or plain_guid(text):
        return plain_guid(text) or text
    found = [job.guid for job in store.jobs() if text and job.guid.startswith(text.lower())]
    if len(found) != 1:
        raise SettingsError(f"{text!r} is the beginning of {len(found)} jobs; `fsm-robot orchestrator jobs` lists them")
    return found[0]


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
