"""`fsm-robot try`: run one script as the robot would, with a folder of JSON files instead of an orchestrator."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from fsm_robot.cli import streams
from fsm_robot.cli.logs import follow
from fsm_robot.cli.run import add_config
from fsm_robot.engine.redact import Redactor, Secrets
from fsm_robot.engine.wording import counted, shown
from fsm_robot.errors import SettingsError
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.ports import Ending, Job

if TYPE_CHECKING:
    from fsm_robot.engine.channel import Channel
    from fsm_robot.robot.settings import Settings
    from fsm_robot.sdk._folder import Folder
    from fsm_robot.worker.supervisor import ScriptWorker

FAILED = 1
LEFT, STOPPED = "left without a result", "stopped while at work"
OUTPUT_MIB = 1024
READ_WITHIN_S = 30.0
LONGEST_COMMENT = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("script", metavar="SCRIPT", help="a Python file, or a folder with a __main__.py")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="folder with queues/NAME.json, assets.json, files/…; results are written into its .run/",
    )
    parser.add_argument("--task", metavar="JSON", help="the job's own task: its parameters, or @FILE with them")
    parser.add_argument("--keep", action="store_true", help="continue with the results of the last try")
    parser.add_argument("--debug", action="store_true", help="let breakpoint() and input() work, without timeouts")
    parser.add_argument("--python", metavar="FILE", help="interpreter (default: scripts.python, or this one)")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the script; 0 where it succeeded, 1 where it did not."""
    script = Path(os.path.abspath(arguments.script))
    if not script.exists():
        raise SettingsError(f"{script}: there is no such script")
    settings = _settings(arguments.config)
    python = arguments.python or (_python(settings, script) if settings else sys.executable)
    data = _data(arguments.data, keep=arguments.keep)
    job = Job(str(uuid.uuid4()), script.stem if script.suffix == ".py" else script.name, "", _documents(arguments.task))
    run_folder = data.path_of_run if data else None
    if arguments.debug:
        ended = _debugged(script, python, job, data)
    elif run_folder is not None:
        ended = _tried(script, python, job, data, run_folder / "job")
    else:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="fsm-robot-try-") as folder:
            ended = _tried(script, python, job, data, Path(folder))
    if data is not None:
        data.settle(STOPPED if ended in ("stopped", "stop_ran_out", "aborted") else LEFT)
        print("\n".join(_told(data)))
    print(f"the script {ended.replace('_', ' ')}")
    return 0 if ended == "succeeded" else FAILED


def _settings(config: str) -> Settings | None:
    path = Path(config).absolute()
    if not path.exists():
        return None  # a script can be tried where no robot is
    return settings_module.load(path, need_credential=False)


def _python(settings: Settings, script: Path) -> str:
    """Return the interpreter that the robot would take."""
    from fsm_robot.robot.of_jobs import environments_for

    environment = environments_for(settings).of(script)
    if not environment.python:
        raise SettingsError(f"the environment {environment.told} is not built: fsm-robot env sync")
    return environment.python


def _data(path: str | None, *, keep: bool) -> Folder | None:
    if path is None:
        if keep:
            raise SettingsError("--keep: needs the folder of the last try; name it with --data")
        return None
    from fsm_robot.sdk._errors import SdkError
    from fsm_robot.sdk._folder import Folder

    try:
        return Folder(path, keep=keep, echo=True)
    except SdkError as error:
        raise SettingsError(f"--data: {error}") from None


def _documents(task: str | None) -> dict[str, object]:
    if task is None:
        return {}
    try:
        text = Path(task[1:]).read_text(encoding="utf-8-sig") if task.startswith("@") else task
    except OSError as error:
        raise SettingsError(f"--task: {task[1:]}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise SettingsError(f"--task: {task[1:]}: is no text in UTF-8: {error}") from None
    try:
        return {"task": {"Parameters": json.loads(text)}}
    except (ValueError, RecursionError) as error:
        raise SettingsError(f'--task: is no JSON such as {{"month": "2026-10"}}: {error}') from None


# ---- as the robot runs it


def _tried(script: Path, python: str, job: Job, data: Folder | None, folder: Path) -> str:
    """Run the script under the robot's own supervision; return how it ended."""
    from fsm_robot.worker.job_folder import JobFolder, folder_name

    folder.mkdir(parents=True, exist_ok=True)
    endings: SimpleQueue[Ending] = SimpleQueue()
    channel = None if data is None else _channel(folder)
    worker = _worker(script, python, folder, channel, data)
    try:
        worker.start(job, uuid.uuid4().hex, endings.put)
        ending = _watched(worker, JobFolder(folder / folder_name(job.guid)).output, endings)
    finally:
        worker.close()
        if channel is not None:
            # What the script has told last may still be in the system's memory, where the machine or its disk is busy.
            is_read = channel.drained(READ_WITHIN_S)
            channel.close()
            if not is_read:
                streams.complain(f"not all that the script has told was read within {READ_WITHIN_S:g} s; it is missing")
    if ending.reason and ending.outcome != "succeeded":
        streams.complain(shown(ending.reason))
    for name in (*ending.leftovers, *ending.survivors):
        streams.complain(f"left running and ended: {shown(name)}")
    return ending.outcome


def _channel(folder: Path) -> Channel:
    from fsm_robot.engine.channel import Channel

    return Channel(folder, lambda _: {}, _log_warning)


def _worker(script: Path, python: str, folder: Path, channel: Channel | None, data: Folder | None) -> ScriptWorker:
    from fsm_robot.jobapi.server import JobServer
    from fsm_robot.worker.supervisor import ScriptWorker

    offer: Callable[[Job], Mapping[str, object] | None] = lambda _: None  # noqa: E731
    withdraw: Callable[[], None] = lambda: None  # noqa: E731
    secrets = Secrets("")
    if channel is not None and data is not None:

        def listen() -> str:
            channel.open()
            return channel.address

        data.also_hide, data.also_clean = secrets.hide, secrets.text
        server = JobServer(listen, lambda _: data, secrets.hide_token, _log)
        channel.job = server
        offer, withdraw = server.begin, server.end
    return ScriptWorker(
        scripts_directory=script.parent,
        jobs_directory=folder,
        python=python,
        redactor=secrets,
        output_limit_bytes=OUTPUT_MIB << 20,
        keep_job_files=False,
        log=_log,
        offer=offer,
        withdraw=withdraw,
    )


def _log(level: str, _event: str, sentence: str, **values: object) -> None:
    if level in ("warning", "error"):
        beside = "".join(f", {name} {value}" for name, value in values.items())
        streams.complain(shown(f"{sentence}{beside}"))


def _log_warning(event: str, sentence: str, **values: object) -> None:
    _log("warning", event, sentence, **values)


def _watched(worker: ScriptWorker, output: Path, endings: SimpleQueue[Ending]) -> Ending:
    """Show what the script prints until it has ended; Ctrl-C asks it to stop, a second one kills it."""
    ending: list[Ending] = []
    told = 0

    def is_over() -> bool:
        try:
            ending.append(endings.get_nowait())
        except Empty:
            pass
        return bool(ending)

    pieces: Iterator[str] = follow(output, is_over)
    while True:
        try:
            for text in pieces:
                streams.write_data(text.encode("utf-8", "replace"))
            return ending[0]
        except KeyboardInterrupt:
            told += 1
            if told == 1:
                streams.complain("the script is asked to stop; Ctrl-C once more kills it")
                worker.ask_to_stop()
            else:
                worker.kill("aborted")
            pieces = follow(output, is_over)


# ---- at a terminal


def _debugged(script: Path, python: str, job: Job, data: Folder | None) -> str:
    """Run the script at this terminal: it reads what is typed, and nothing waits for it."""
    import tempfile

    from fsm_robot.worker.environment import script_environment
    from fsm_robot.worker.job_folder import JobFolder

    with tempfile.TemporaryDirectory(prefix="fsm-robot-try-") as name:
        folder = JobFolder(Path(name) / "job")
        folder.create(job, Redactor(), None if data is None else {"data": data.path})
        environment = script_environment(os.environ, folder, typed=True)
        try:
            process = subprocess.Popen([python, str(script)], env=environment, cwd=script.parent)
        except OSError as error:
            raise SettingsError(f"{python} cannot be started: {error.strerror or error}") from error
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt:
                continue  # Ctrl-C is the script's, whose debugger knows what to do with it
        if data is not None:
            data.adopt()
    return "succeeded" if code == 0 else "failed"


# ---- what came of it


def _told(data: Folder) -> Iterator[str]:
    for queue, rows in data.changed().items():
        yield f"{queue or 'the job’s own task'}:"
        for row in rows:
            comment = shown(row["comment"])
            comment = comment if len(comment) <= LONGEST_COMMENT else f"{comment[:LONGEST_COMMENT]}…"
            yield f"  {shown(row['name']) or row['guid']:<24} {row['status_word']:<22}{comment}".rstrip()
    for job in data.jobs():
        yield f"a job of {shown(job['process'])} was created"
    lines = len(data.log_lines())
    if lines:
        yield f"{counted(lines, 'line')} of log: {data.log_file}"
