"""The values that speak of a job; `ports.py` has them too, and is where others take them from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen
class Job:
    """A job that the orchestrator handed out.

    Attributes:
        guid: `Job.GUID`.
        script_name: `ProcessVersion.Name` as it came: hostile until `worker.names` has resolved it.
        process_version_guid: `ProcessVersion.GUID`, empty where the server does not tell.
        documents: The parsed `Job`, `ProcessVersion` and `Task` under the keys `job`, `process_version`
            and `task`; a missing document is None.
    """

    guid: str
    script_name: str
    process_version_guid: str = ""
    documents: Mapping[str, object] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class ConsumeAnswer:
    """What the orchestrator said to consumeNextJob. `job` is None unless `code` is 0."""

    code: int
    error_text: str = ""
    job: Job | None = None


@attrs.frozen
class Limits:
    """What a script may use.

    Attributes:
        time_s: How long it may run, 0 for as long as it likes.
        memory_bytes: How much memory it may use with all that it starts, 0 for as much as there is.
        cpu_priority: `normal`, `below_normal` or `idle`.
    """

    time_s: float = 0.0
    memory_bytes: int = 0
    cpu_priority: str = "normal"


@attrs.frozen
class Ending:
    """How a script ended, settled once.

    Attributes:
        outcome: One of the names under `outcomes:` in the machine file: `succeeded`, `failed`, `stopped`,
            `stop_ran_out`, `aborted`, `refused`, `not_started`, `lost`.
        reason: One sentence for the log: the last line of the output, the signal, why it was refused.
        exit_code: The script's own; negative is a POSIX signal; None where no process was started, where it could not
            be ended, or where the system does not tell.
        survivors: Processes that were still there after the kill, as "pid 12 (name)".
        leftovers: Processes that the script left running and that were ended, same form.
        output_path: The job's own log file, or None where nothing was started.
        limit: What it has used too much of, such as "time limit of 30 min"; empty where nothing.
        last_words: The traceback that a failed script has printed, or else its last lines; without secrets.
        pictures: Of the screen, that were taken for the job: their paths.
    """

    outcome: str
    reason: str = ""
    exit_code: int | None = None
    survivors: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    output_path: Path | None = None
    last_words: str = attrs.field(default="", repr=False)
    pictures: tuple[str, ...] = ()
    limit: str = ""


@attrs.frozen
class Unsettled:
    """A job whose final status the orchestrator has not been told.

    Attributes:
        job_guid: The job.
        script_name: What it ran, as the orchestrator named it.
        run_token: Mark in the environment of its processes.
        outcome: How it ended, or empty where the robot died before it knew.
        last_state: State in which the record ends, for the log.
        repeated: Whether the orchestrator had given it a second time: an old outcome does not close it then.
    """

    job_guid: str
    script_name: str
    run_token: str
    outcome: str = ""
    last_state: str = ""
    repeated: bool = False
