"""`fsm-robot orchestrator`: the embedded orchestrator, its jobs, and its misbehaviour."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from fsm_robot.cli import orchestrator_objects, orchestrator_probe
from fsm_robot.cli.machine_argument import DEFAULT, machine_meant
from fsm_robot.cli.orchestrator_arguments import (
    AS_JSON,
    db_argument,
    job_argument,
    print_table,
    robot_argument,
    task_argument,
)
from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.run import USUAL_CONFIG
from fsm_robot.cli.streams import complain, print_json, tell
from fsm_robot.engine.wording import shown
from fsm_robot.errors import SettingsError
from fsm_robot.orchestrator import faults
from fsm_robot.orchestrator.quirks import CHOICES, MEANINGS
from fsm_robot.orchestrator.rows import JobRow, iso
from fsm_robot.orchestrator.store import Store

if TYPE_CHECKING:
    from fsm_robot.cli.served_runs import ServedRuns

if TYPE_CHECKING:
    import ssl

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LARGEST_COUNT = 100_000
MOST_CONNECTIONS = 4096
OTHER_FILES = 64
"""What the server has open besides connections."""
SWITCH_S = 0.0005
CHECK_EVERY_S = 0.5
SHOWN_RUNS = 1000
"""Runs of each folder that the page lists; each is read when somebody looks at it."""
DEFAULT_PORT = 4500
SHOWN_JOBS = 200
"""Jobs that `jobs` lists without --all; there may be a million."""
STANDINGS: Mapping[str, str] = {
    "forget": "treat a robot as unknown: answer it 101",
    "remember": "treat a robot as known, also before its first call",
    "pause": "stop giving a robot new jobs",
    "resume": "give a robot new jobs again",
}
EPILOG = """\
All actions but `serve` and `probe` work on the same file, whether a server runs or not.
ROBOT is a label, a GUID or @FILE that holds the GUID: it is a password, and others may see a command line.

faults:  {syntax}
{kinds}
endpoints: {endpoints}
quirks:  NAME=VALUE, the first value is the default
{quirks}
example: fsm-robot orchestrator fault "beat:status:503*3" "report:drop-after"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    kinds = "\n".join(f"  {kind:<12} {what}" for kind, what in faults.KINDS.items())
    known = "\n".join(f"  {name:<14} {what} ({'|'.join(CHOICES.get(name, ()))})" for name, what in MEANINGS.items())
    parser.epilog = EPILOG.format(
        syntax=faults.SYNTAX, kinds=kinds, endpoints=", ".join(faults.ENDPOINTS), quirks=known.replace(" ()", "")
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--db",
        default="orchestrator.sqlite",
        metavar="FILE|URL|@FILE",
        help="where it keeps everything: a file, postgresql://user@host/name, or @FILE that holds such an address"
        " (default: %(default)s)",
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    serve = commands.add_parser("serve", parents=[shared], help="listen until Ctrl-C")
    serve.add_argument("--host", type=_host, default="127.0.0.1", help="default: %(default)s, this machine only")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help="default: %(default)s; 0 takes a free one")
    serve.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="TEXT",
        help="a fault to show, such as report:status:503 (docs/orchestrator.md lists them); may be repeated",
    )
    serve.add_argument(
        "--seed", type=int, metavar="N", help="repeat the same sequence of faults that have a probability"
    )
    serve.add_argument(
        "--tls-cert", metavar="FILE", help="use TLS with this certificate and those that issued it (PEM)"
    )
    serve.add_argument("--tls-key", metavar="FILE", help="the key of --tls-cert, if it is in another file")
    serve.add_argument(
        "--proxied",
        action="store_true",
        help="others reach the server by a proxy: the page wants an API key, and can change nothing",
    )
    serve.add_argument(
        "--known-only", action="store_true", help="answer 101 to robots that are not known (see `remember`)"
    )
    serve.add_argument("--lax", action="store_true", help="let a robot set any status of any job")
    serve.add_argument(
        "--give-again",
        action="store_true",
        help="send a robot its unclaimed job again, in case the answer was lost",
    )
    serve.add_argument(
        "--task-key", choices=["Task", " Task "], default="Task", help="how the key of the task is spelt in answers"
    )
    serve.add_argument(
        "--nested",
        choices=["string", "object"],
        default="string",
        help="how nested documents are sent: as a JSON string or as an object",
    )
    serve.add_argument(
        "--no-task",
        choices=["absent", "null", "empty", "null_text"],
        default="null",
        help="what is sent as Task if a job has none",
    )
    serve.add_argument(
        "--numbers", choices=["text", "number"], default="text", help="how numbers in documents are sent"
    )
    serve.add_argument(
        "--quirk",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="behave differently where the vendor does not say how (docs/orchestrator.md lists the names)",
    )
    serve.add_argument("--like", metavar="FILE", help="behave like the server that `probe -o FILE` described")
    serve.add_argument(
        "--auth", choices=["basic", "bearer", "both"], default="both", help="accepted authorization schemes"
    )
    serve.add_argument(
        "--update-verb", choices=["PUT", "POST", "both"], default="both", help="accepted verbs of job/update"
    )
    serve.add_argument("--show-data", action="store_true", help="show the parameters of tasks on the page")
    serve.add_argument(
        "--runs", nargs="+", metavar="FOLDER", help="folders of robots whose runs the page shows step by step"
    )
    serve.add_argument(
        "--machine", metavar="FILE", help=f"the machine file of the robots of --runs (default: {DEFAULT})"
    )

    enqueue = commands.add_parser("enqueue", parents=[shared], help="add a job")
    enqueue.add_argument("script", help="path below the robot's scripts folder")
    enqueue.add_argument(
        "--task", metavar="JSON|@FILE", help='parameters, such as \'{"month": "2026-10"}\' or @task.json'
    )
    enqueue.add_argument("--name", default="", help="what people call the job")
    enqueue.add_argument("--priority", type=int, choices=[1, 2, 3], default=2, help="3 goes first (default: 2)")
    enqueue.add_argument("--robot", default="", metavar="ROBOT", help="the only robot that may take the job")
    enqueue.add_argument("--times", type=_count, default=1, metavar="N", help="add the job N times")

    for name, what in (("jobs", f"list the {SHOWN_JOBS} newest jobs"), ("robots", "list the robots")):
        listed = commands.add_parser(name, parents=[shared], help=what)
        listed.add_argument("--json", action="store_true", help=AS_JSON)
        if name == "jobs":
            listed.add_argument("--all", action="store_true", help="list every job")
    for name, what in (("stop", "ask a job to stop"), ("abort", "end a job at once")):
        order = commands.add_parser(name, parents=[shared], help=what)
        order.add_argument("job", help="GUID, the beginning of one, or `last`")
    for name, what in STANDINGS.items():
        robot = commands.add_parser(name, parents=[shared], help=what)
        robot.add_argument("robot", metavar="ROBOT", help="label, GUID, or @FILE that holds the GUID")
    orchestrator_objects.add_arguments(commands, shared)
    orchestrator_probe.add_arguments(
        commands.add_parser("probe", help="find out how a real server behaves where the vendor does not say")
    )
    fault = commands.add_parser(
        "fault", parents=[shared], help="add faults from now on; without TEXT list those in force"
    )
    fault.add_argument(
        "text", nargs="*", metavar="TEXT", help="such as report:status:503; docs/orchestrator.md lists them"
    )
    fault.add_argument("--clear", action="store_true", help="end all faults")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    if arguments.action == "probe":
        return orchestrator_probe.run(arguments)
    store = Store(db_argument(arguments.db))
    makes = arguments.action in ("serve", "enqueue", "remember") or orchestrator_objects.makes_file(arguments)
    if not makes and isinstance(store.place, Path) and not store.place.exists():
        raise SettingsError(
            f"{store.place}: there is no such file; `serve` or `enqueue` makes it, --db names another one"
        )
    try:
        return {**ACTIONS, **orchestrator_objects.ACTIONS}[arguments.action](arguments, store)
    finally:
        store.close()


def _serve(arguments: argparse.Namespace, store: Store) -> int:
    import random

    from fsm_robot.orchestrator.connections import Limits
    from fsm_robot.orchestrator.protocol import SCHEMES, WireForm
    from fsm_robot.orchestrator.quirks import Quirks
    from fsm_robot.orchestrator.server import Orchestrator
    from fsm_robot.orchestrator.service import Service

    speak_as_configured(USUAL_CONFIG)
    ordered = [faults.Fault.parse(text) for text in arguments.fault]
    like = orchestrator_probe.quirks_of(arguments.like) if arguments.like else []
    form = WireForm(arguments.task_key, arguments.nested, arguments.no_task, arguments.numbers == "text")
    service = Service(
        store,
        form,
        schemes=SCHEMES if arguments.auth == "both" else {arguments.auth},
        known_only=arguments.known_only,
        lax=arguments.lax,
        gives_again=arguments.give_again,
        verbs=("PUT", "POST") if arguments.update_verb == "both" else (arguments.update_verb,),
        quirks=Quirks.parse([*like, *arguments.quirk]),
    )
    server = Orchestrator(
        store,
        arguments.host,
        arguments.port,
        service,
        random.Random(arguments.seed),
        limits=Limits(connections=max(1, system.let_open(MOST_CONNECTIONS + OTHER_FILES) - OTHER_FILES)),
        runs=_runs(arguments) if arguments.runs else None,
        shows_data=arguments.show_data,
        tls=_tls(arguments),
        is_proxied=arguments.proxied,
    )
    # Python lets a thread compute for ten times as long before another has its turn: robots would wait for the page.
    sys.setswitchinterval(SWITCH_S)
    leaving: SimpleQueue[str] = SimpleQueue()
    system.listen(leaving.put)
    for fault in ordered:
        store.order_fault(fault)
    # What cannot be served is said before anybody is told that it is.
    in_force = ", ".join(fault.text for fault, _ in store.faults())  # opens the file: without it nothing can be served
    with server:
        tell(f"listening at {server.url} ; Ctrl-C ends it, {shown(store.file.name)} keeps the jobs")
        if server.is_shared:
            for problem in _problems(arguments):
                complain(f"warning: other machines can reach this server, and {problem}")
        if in_force:
            tell(f"faults in force: {in_force} ; `fsm-robot orchestrator fault --clear` ends that")
        while not _told_to_leave(leaving):
            store.check()
    return 0


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if arguments.tls_cert is None:
        if arguments.tls_key is not None:
            raise SettingsError("--tls-key: needs --tls-cert, the certificate of this key")
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key with a password would be asked for at the terminal, where nobody sits beside a server.
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key, password=lambda: "")
    except (OSError, ValueError) as error:  # of the ssl module, too
        what = arguments.tls_cert if arguments.tls_key is None else f"{arguments.tls_cert}, {arguments.tls_key}"
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"{what}: cannot be read as a certificate with its key in PEM, without a password: {reason}"
        ) from error
    return context


def _problems(arguments: argparse.Namespace) -> list[str]:
    found = []
    if arguments.tls_cert is None and not arguments.proxied:
        found.append("others can read what robots send, also their passwords; use --tls-cert, or a proxy with TLS")
    if not arguments.known_only:
        found.append(
            "every caller counts as a robot and is given jobs; use --known-only, and `remember` for each of your robots"
        )
    return found


def _told_to_leave(leaving: SimpleQueue[str]) -> bool:
    try:
        leaving.get(timeout=CHECK_EVERY_S)
    except Empty:
        return False
    return True


def _runs(arguments: argparse.Namespace) -> ServedRuns:
    from fsm_robot.cli.served_runs import ServedRuns
    from fsm_robot.engine import machine_file

    machine = machine_meant(arguments.machine)
    machine_file.load(machine, None, ())
    return ServedRuns(arguments.runs, SHOWN_RUNS, machine)


def _enqueue(arguments: argparse.Namespace, store: Store) -> int:
    task, robot = task_argument(arguments.task), robot_argument(arguments.robot)
    for _ in range(arguments.times):
        print(store.enqueue(arguments.script, task, name=arguments.name, priority=arguments.priority, robot=robot))
    return 0


def _jobs(arguments: argparse.Namespace, store: Store) -> int:
    jobs = store.jobs() if arguments.all else store.newest_jobs(SHOWN_JOBS)[::-1]
    left_out = store.job_count() - len(jobs)
    if left_out > 0:
        complain(f"{left_out} older jobs are left out; --all lists them")
    if arguments.json:
        print_json([job.to_json() for job in jobs], indent=2)
    else:
        rows = [(job.guid, job.status_word, job.robot, iso(job.created_at) or "", job.script) for job in jobs]
        print_table(("job", "status", "robot", "created", "script"), rows)
    return 0


def _robots(arguments: argparse.Namespace, store: Store) -> int:
    robots = [robot.to_json(datetime.now(UTC)) for robot in store.robots()]
    if arguments.json:
        print_json(robots, indent=2)
    else:
        names = ("label", "status", "machine", "last_heartbeat", "job_name")
        rows = [(*(str(robot[name] or "") for name in names), _paused(robot)) for robot in robots]
        print_table(("robot", "status", "machine", "last heartbeat", "last job", ""), rows)
    return 0


def _paused(robot: Mapping[str, object]) -> str:
    return "paused" if robot["paused"] else ""


def _stop(arguments: argparse.Namespace, store: Store) -> int:
    return _told(store.order_stop(job_argument(arguments.job, store)))


def _abort(arguments: argparse.Namespace, store: Store) -> int:
    return _told(store.order_abort(job_argument(arguments.job, store)))


def _told(job: JobRow) -> int:
    print(
        f"{job.guid} is {job.status_word} now" + ("" if job.ended else "; the robot hears it with its next heartbeat")
    )
    return 0


def _standing(arguments: argparse.Namespace, store: Store) -> int:
    action, robot = arguments.action, robot_argument(arguments.robot)
    if action in ("forget", "remember"):
        label = store.set_active(robot, action == "remember")
    else:
        label = store.set_paused(robot, action == "pause")
    print(f"{label}: {action}")
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
    "fault": _fault,
    **dict.fromkeys(STANDINGS, _standing),
}


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must be an address; 0.0.0.0 is every one that this machine has")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_COUNT):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {LARGEST_COUNT}, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return int(text)
