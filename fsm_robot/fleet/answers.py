"""What one machine is asked about its robots, and what it answers: the same for a folder here and for another host.

A question is a small JSON object, and travels as one argument of letters, digits, `-` and `_`: no shell on its way,
of whatever system, finds anything in it to replace, and a path in any language arrives as it is. The answer is JSON in
ASCII on the standard output.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.documents import document_of, parsed
from fsm_robot.fleet.health import Rules
from fsm_robot.fleet.looking import folders_of, look_at, utc_now
from fsm_robot.operations.folders import job_meant, output_of, runs_backwards, storage_of
from fsm_robot.operations.output_text import shown_text
from fsm_robot.operations.past_jobs import newest_jobs
from fsm_robot.system.long_table import LongTable
from fsm_robot.worker.job_folder import SCREENSHOTS_NAME

Question = Mapping[str, object]
Answer = Mapping[str, object]
MOST_JOBS = 500
MOST_OUTPUT_BYTES = 1 << 18
MOST_PICTURES = 50
LARGEST_PICTURE_BYTES = 16 << 20
LONGEST_QUESTION = 8000


def packed(question: Question) -> str:
    """Return a question as one argument."""
    return base64.urlsafe_b64encode(json.dumps(question).encode("ascii")).decode("ascii").rstrip("=")


def unpacked(argument: str) -> Question:
    """Return the question that an argument holds. Raises `SettingsError`."""
    if len(argument) > LONGEST_QUESTION:
        raise SettingsError("the question is too long; it is made by `fsm-robot status --fleet` on another machine")
    try:
        return parsed(base64.urlsafe_b64decode(argument + "=" * (-len(argument) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise SettingsError(
            "the question cannot be understood; it is made by `fsm-robot status --fleet` on another machine"
        ) from error


def answer(question: Question, base: Path) -> Answer:
    """Return the answer to a question about robots of this machine.

    Args:
        question: `ask` says what about, `folder` of which robot or robots.
        base: What relative folders start at.

    Raises:
        RobotError: It cannot be answered.
    """
    ask = ASKED.get(str(question.get("ask")))
    if ask is None:
        raise SettingsError(f"nothing is known of {question.get('ask')!r}: the other machine has another version")
    try:
        return ask(question, base)
    except OSError as error:
        raise SettingsError(f"{question.get('folder')}: {error.strerror or error}") from error


def _status(question: Question, base: Path) -> Answer:
    pattern, name = str(question.get("folder") or "."), str(question.get("name") or "")
    sights = [look_at(folder, name, _rules(question.get("rules"))) for folder in folders_of(pattern, base)]
    return document_of(sights, utc_now())


def _history(question: Question, base: Path) -> Answer:
    storage = _storage(question, base)
    limit = _whole(question, "limit", 20, MOST_JOBS)
    with LongTable() as others:
        only = others if question.get("failed") is True else None
        jobs = newest_jobs(runs_backwards(storage), limit, failed_only=only)
    told = [
        {
            **attrs.asdict(job),
            "status_name": job.status_name,
            "has_output": output_of(storage, job.job).exists(),
            "pictures": _pictures(storage, job.job),
        }
        for job in jobs
    ]
    return {"jobs": told}


def _output(question: Question, base: Path) -> Answer:
    """Return a piece of what a job printed, in whole lines, from a place on."""
    storage = _storage(question, base)
    job = job_meant(storage, str(question.get("job") or ""))
    path, place = output_of(storage, job.job), _whole(question, "from", 0, 1 << 40)
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(min(place, size))
            data = stream.read(MOST_OUTPUT_BYTES)
    except FileNotFoundError:
        return {"job": job.job, "script": job.script, "text": "", "next": 0, "size": 0}
    # No line is cut, but for one that fills a whole piece, and the last one of a file that grows no more.
    whole = data.rpartition(b"\n")[0] + b"\n" if b"\n" in data else data
    at_end = place + len(data) >= size
    if at_end and question.get("follow") is not True:
        whole = data
    elif at_end and b"\n" not in data and len(data) < MOST_OUTPUT_BYTES:
        whole = b""
    return {
        "job": job.job,
        "script": job.script,
        "text": shown_text(whole),
        "next": place + len(whole),
        "size": size,
    }


def _log(question: Question, base: Path) -> Answer:
    storage = _storage(question, base)
    try:
        with (storage / "robot.log").open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - MOST_OUTPUT_BYTES))
            return {"text": shown_text(stream.read())}
    except FileNotFoundError:
        return {"text": ""}


def _journal(question: Question, base: Path) -> Answer:
    """Return the journal of a run, as it is: the run player of who asks draws it."""
    storage = _storage(question, base)
    run = str(question.get("run") or "")
    found = [path for path in (storage / "journal").glob("*.jsonl") if path.name.startswith(f"{run}.")] if run else []
    if not found:
        raise SettingsError(f"{storage}: there is no journal of the run {run!r} any more")
    return {"name": found[0].name, "data": found[0].read_bytes().decode("utf-8", "replace")}


def _picture(question: Question, base: Path) -> Answer:
    storage, name = _storage(question, base), str(question.get("name") or "")
    job = str(question.get("job") or "")
    if name not in _pictures(storage, job):
        raise SettingsError(f"job {job} has no picture {name!r}")
    path = output_of(storage, job).parent / SCREENSHOTS_NAME / name
    if path.stat().st_size > LARGEST_PICTURE_BYTES:
        raise SettingsError(f"{path}: is larger than {LARGEST_PICTURE_BYTES >> 20} MiB")
    return {"data": base64.b64encode(path.read_bytes()).decode("ascii")}


def _pictures(storage: Path, job: str) -> list[str]:
    folder = output_of(storage, job).parent / SCREENSHOTS_NAME
    try:
        return sorted(path.name for path in folder.glob("*.png") if path.is_file())[:MOST_PICTURES]
    except OSError:
        return []


def _doctor(question: Question, base: Path) -> Answer:
    from fsm_robot.operations.examination import examine

    folder = Path(base, str(question.get("folder") or "."))
    config = folder if folder.is_file() else folder / "robot.toml"
    if not os.path.lexists(config):
        raise SettingsError(f"{config}: there is no such file; the doctor needs the robot's settings")
    return {"diagnoses": [attrs.asdict(diagnosis) for diagnosis in examine(config.absolute())]}


ASKED: Mapping[str, Callable[[Question, Path], Answer]] = {
    "status": _status,
    "history": _history,
    "output": _output,
    "log": _log,
    "journal": _journal,
    "picture": _picture,
    "doctor": _doctor,
}


def _storage(question: Question, base: Path) -> Path:
    folder = question.get("folder")
    if not isinstance(folder, str) or not folder:
        raise SettingsError("no robot is named")
    return storage_of(Path(base, folder))


def _whole(question: Question, key: str, usual: int, most: int) -> int:
    value = question.get(key, usual)
    return min(max(value, 0), most) if isinstance(value, int) else usual


def _rules(told: object) -> Rules:
    if not isinstance(told, Mapping):
        return Rules()
    usual = attrs.asdict(Rules())
    asked = {key: told[key] for key in usual if type(told.get(key)) in (int, float)}
    return attrs.evolve(Rules(), **asked)


def told_error(error: RobotError) -> Answer:
    """Return the answer of a machine that cannot answer."""
    return {"error": str(error)}
