"""What a wake-up that finds no job imports: every module and every class on that way is paid for each minute."""

from __future__ import annotations

import json

from tests.fakes.robot_folder import RobotFolder

MODULES = {
    "cli": ("streams", "run"),
    "engine": (
        *("calls", "clock", "disk", "inbox", "instance", "journal", "logs", "machine", "machine_file", "ports"),
        *("redact", "retry", "runner", "timeouts", "wording"),
    ),
    "engine.journal": ("file", "identity", "record"),
    "engine.machine": (*("budgets", "codes", "core", "definition", "durations", "error_names", "events"),),
    "errors": (),
    "gateway": (*("adapter", "answers", "beats", "failures", "http", "identity", "payloads", "reading"),),
    "robot": (
        *("assemble", "callbacks", "look_back", "machine", "ports", "pruning", "retries", "session", "setting_kinds"),
        *("settings", "status_file", "unsettled", "wiring"),
    ),
    "system": ("held", "late", "readers", "threads"),
}
"""Our own, besides the twins of one system (`_posix.py` and their like).

Only to be made shorter. What serves a job alone is imported with the first job: see `NEEDED_TO_THE_END` of
`robot/of_jobs.py`, for all that a stop, a kill, a line and a report need is imported before its script starts.
"""
MOST_ATTRS_CLASSES = 64
"""Each costs the start up to a millisecond, for its methods are compiled. Only to be lowered."""
NEVER = {
    *("loguru", "yaml", "truststore", "charset_normalizer.md", "netrc", "sqlite3", "difflib", "shlex"),
    *("fsm_robot.worker", "fsm_robot.jobapi", "fsm_robot.orchestrator", "fsm_robot.job", "fsm_robot.sdk"),
}
LOOK = """
import json, pathlib, sys
from fsm_robot.cli import main
code = main(sys.argv[1:])
own = [module for name, module in sorted(sys.modules.items()) if name.partition(".")[0] == "fsm_robot"]
classes = {
    kind
    for module in own
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__ and "__attrs_attrs__" in vars(kind)
}
told = {"modules": sorted(sys.modules), "classes": sorted(f"{kind.__module__}.{kind.__name__}" for kind in classes)}
pathlib.Path("seen.json").write_text(json.dumps(told))
sys.exit(code)
"""


def seen_by_a_wake_up(folder: RobotFolder) -> tuple[set[str], list[str]]:
    """Return the modules of the second wake-up, for the first one compiles the machine; and its classes of attrs."""
    assert folder.run().exit_code == 0
    folder.run_by(LOOK)
    done = folder.run()
    assert done.exit_code == 0, done.err
    told = json.loads((folder.path / "seen.json").read_text("utf-8"))
    return set(told["modules"]), told["classes"]


def test_wake_up_without_a_job_imports_these_modules_and_makes_no_more_classes(robot_folder: RobotFolder) -> None:
    """A module more is put where it is needed; one less is taken off the list, so that it does not come back."""
    robot_folder.settings(heartbeat={"interval_s": 10})
    modules, classes = seen_by_a_wake_up(robot_folder)

    listed = {f"{room}.{name}" for room, names in MODULES.items() for name in names} | set(MODULES)
    own = {name.removeprefix("fsm_robot.") for name in modules if name.startswith("fsm_robot.")}
    own = {name for name in own if not name.rpartition(".")[2].startswith("_")}

    assert sorted(own - listed) == [], "imported by a wake-up that finds no job"
    assert sorted(listed - own) == [], "not imported any more: take it off the list"
    assert len(classes) <= MOST_ATTRS_CLASSES, classes
    assert sorted(modules & NEVER) == []
