"""`fsm-robot history`: the jobs that a robot has had."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import attrs

from fsm_robot.cli.fleet_argument import add_fleet, fleet_of
from fsm_robot.cli.reader import local, speak_as_configured
from fsm_robot.cli.run import add_config
from fsm_robot.cli.status import heads, table
from fsm_robot.cli.streams import complain, print_json
from fsm_robot.errors import SettingsError
from fsm_robot.operations.folders import has_jobs, output_of, runs_backwards, storage_of, storage_of_config
from fsm_robot.operations.past_jobs import PastJob, newest_jobs
from fsm_robot.system.language import said
from fsm_robot.system.long_table import LongTable

HEADS = ("taken", "script", "outcome", "status", "seconds", "job", "output")
FLEET_HEADS = ("taken", "robot", "script", "outcome", "status", "seconds", "job")
USUAL_LIMIT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="folder of a robot or its storage folder")
    add_config(parser)
    add_fleet(parser)
    parser.add_argument("--failed", action="store_true", help="only jobs that failed, or whose result was refused")
    parser.add_argument(
        "--limit", type=int, default=USUAL_LIMIT, help="how many jobs are shown at most (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON, the newest first")


def run(arguments: argparse.Namespace) -> int:
    """Print the jobs, the newest last, where the eye is."""
    if arguments.limit < 1:
        raise SettingsError(f"--limit {arguments.limit}: must be 1 or more")
    if arguments.fleet:
        return _run_fleet(arguments)
    storage = storage_of(Path(arguments.folder)) if arguments.folder else storage_of_config(arguments.config)
    with LongTable() as others:
        only = others if arguments.failed else None
        jobs = newest_jobs(runs_backwards(storage), arguments.limit, failed_only=only)
    if arguments.json:
        print_json([_as_json(job, storage) for job in jobs])
        return 0
    speak_as_configured(arguments.folder or arguments.config)
    if jobs:
        for line in table(chain([heads(HEADS)], (_row(job, storage) for job in reversed(jobs)))):
            print(line)
    elif not has_jobs(Path(arguments.folder or arguments.config)):
        journal = storage / "journal"
        do = f"`fsm-robot status` shows what it does, `fsm-robot replay --steps {journal}` what it did"
        print(f"{said('the machine of this robot has no jobs')}; {said(do)}")
    else:
        print(said("no job failed" if arguments.failed else "no job yet"))
    return 0


def _run_fleet(arguments: argparse.Namespace) -> int:
    """Print the jobs of all robots, the newest last; 1 where one does not answer."""
    if arguments.folder:
        raise SettingsError("--fleet: names the robots itself; leave the folder out")
    from fsm_robot.fleet.asking import ask_each, look_at_all
    from fsm_robot.fleet.sight import SCHEMA

    fleet = fleet_of(arguments)
    sights = look_at_all(fleet)
    question = {"ask": "history", "limit": arguments.limit, "failed": arguments.failed}
    found, silent = [], []
    for sight, answer in zip(sights, ask_each(fleet, sights, question), strict=True):
        jobs = answer.get("jobs")
        if isinstance(jobs, list):
            found += [{"robot": sight.name, "host": sight.host, **job} for job in jobs]
        else:
            silent.append({"robot": sight.name, "host": sight.host, "error": str(answer.get("error"))})
    found.sort(key=lambda job: str(job["taken_at"]), reverse=True)
    del found[arguments.limit :]
    if arguments.json:
        print_json({"schema": SCHEMA, "jobs": found, "silent": silent})
        return int(bool(silent))
    speak_as_configured(arguments.config)
    if found:
        print("\n".join(table([heads(FLEET_HEADS), *(_fleet_row(job) for job in reversed(found))])))
    else:
        print(said("no job failed" if arguments.failed else "no job yet"))
    for each in silent:
        complain(f"{each['robot']}: {said(str(each['error']))}")
    return int(bool(silent))


def _fleet_row(job: Mapping[str, object]) -> tuple[str, ...]:
    seconds = job["seconds"]
    return (
        local(str(job["taken_at"])),
        str(job["robot"]),
        str(job["script"]),
        said(str(job["outcome"] or "-")),
        said(str(job["status_name"] or "-")),
        f"{seconds:.1f}" if isinstance(seconds, int | float) else "",
        str(job["job"]),
    )


def _row(job: PastJob, storage: Path) -> tuple[str, ...]:
    delivery = {"delivered": "", "refused": "refused"}.get(job.delivery, "not delivered")
    status = f"{said(job.status_name or '-')}{f' ({said(delivery)})' if delivery else ''}"
    seconds = "" if job.seconds is None else f"{job.seconds:.1f}"
    return (
        local(job.taken_at),
        job.script,
        said(job.outcome or "-"),
        status,
        seconds,
        job.job,
        _output(job, storage),
    )


def _output(job: PastJob, storage: Path) -> str:
    path = output_of(storage, job.job)
    return str(path) if path.exists() else ""


def _as_json(job: PastJob, storage: Path) -> dict[str, object]:
    return {**attrs.asdict(job), "status_name": job.status_name, "output": _output(job, storage)}
