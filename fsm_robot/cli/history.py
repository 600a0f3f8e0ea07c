"""`fsm-robot history`: the jobs that a robot has had."""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs

from fsm_robot.cli.run import add_config
from fsm_robot.cli.status import table
from fsm_robot.cli.streams import print_json
from fsm_robot.errors import SettingsError
from fsm_robot.operations.folders import has_jobs, output_of, runs_backwards, storage_of, storage_of_config
from fsm_robot.operations.past_jobs import PastJob, newest_jobs

HEADS = ("taken", "script", "outcome", "status", "seconds", "job", "output")
USUAL_LIMIT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="folder of a robot or its storage folder")
    add_config(parser)
    parser.add_argument("--failed", action="store_true", help="only jobs that failed, or whose result was refused")
    parser.add_argument("--limit", type=int, default=USUAL_LIMIT, help="most jobs shown (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print as JSON, the newest first")


def run(arguments: argparse.Namespace) -> int:
    """Print the jobs, the newest last, where the eye is."""
    if arguments.limit < 1:
        raise SettingsError(f"--limit {arguments.limit}: must be 1 or more")
    storage = storage_of(Path(arguments.folder)) if arguments.folder else storage_of_config(arguments.config)
    jobs = newest_jobs(runs_backwards(storage), arguments.limit, failed_only=arguments.failed)
    if arguments.json:
        print_json([_as_json(job, storage) for job in jobs])
    elif jobs:
        print("\n".join(table([HEADS, *(_row(job, storage) for job in reversed(jobs))])))
    elif not has_jobs(Path(arguments.folder or arguments.config)):
        print("the machine of this robot has no jobs; `fsm-robot status` tells what it does, and `fsm-robot replay`")
        print(f"with --steps what it did: {storage / 'journal'}")
    else:
        print("no job failed" if arguments.failed else "no job yet")
    return 0


def _row(job: PastJob, storage: Path) -> tuple[str, ...]:
    status = job.status_name or "-"
    delivery = {"delivered": "", "refused": " (refused)"}.get(job.delivery, " (not delivered)")
    seconds = "" if job.seconds is None else f"{job.seconds:.1f}"
    return (
        job.taken_at[:19].replace("T", " "),
        job.script,
        job.outcome or "-",
        f"{status}{delivery}",
        seconds,
        job.job,
        _output(job, storage),
    )


def _output(job: PastJob, storage: Path) -> str:
    path = output_of(storage, job.job)
    return str(path) if path.exists() else ""


def _as_json(job: PastJob, storage: Path) -> dict[str, object]:
    return {**attrs.asdict(job), "status_name": job.status_name, "output": _output(job, storage)}
