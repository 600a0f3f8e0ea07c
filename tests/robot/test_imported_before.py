"""What a robot may still import once a script runs: nothing that an end needs, for an upgrade may take the files away."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.fakes.robot_folder import RobotFolder

LOOK = """
import json, pathlib, sys
seen = pathlib.Path("seen.json")
def look(event, _):
    if event in STARTS and "fsm_robot.worker.supervisor" in sys.modules and not seen.exists():
        seen.write_text(json.dumps(sorted(sys.modules)))
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "_winapi.CreateProcess")
sys.addaudithook(look)
from fsm_robot.cli import main
sys.exit(main(sys.argv[1:]))
"""
AT_A_START = {
    "cli": ("cli.reader",),
    "engine": ("engine.context", "engine.robot"),
    "engine.machine_file": ("engine.machine.labels",),
    "gateway.http": ("gateway.proxies", "gateway.tls"),
    "robot.settings": ("robot.kept_secret",),
    "robot.of_jobs": ("robot.legacy", "telemetry.trace_ids"),
    "robot.wiring": (
        *("engine.callbacks", "engine.own_settings", "engine.robot", "gateway.proxies", "gateway.tls"),
        "robot.kept_secret",
    ),
    "system.language": ("system.retelling",),
    "worker.supervisor": ("worker.building", "worker.pinned"),
}
"""Which imports are over when a script has started, if they come at all: the robot's own start, or that of a script."""
FAILS_ALONE = {
    "jobapi.of_robot": ("jobapi.hands", "jobapi.ledger", "jobapi.operations", "jobapi.work"),
    "jobapi.server": ("sdk._errors",),
    "telemetry.export": ("telemetry.otlp",),
}
"""A script that never asks the robot must not pay for what answers: where the files are gone, its first call fails and
nothing else. Traces that cannot be told are told after the next run."""


def late_imports(module: str) -> Iterator[str]:
    """Yield the modules of ours that functions of a module import."""
    spec = find_spec(f"fsm_robot.{module}")
    assert spec is not None
    assert spec.origin is not None
    for function in ast.walk(ast.parse(Path(spec.origin).read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in ast.walk(function):
                if isinstance(each, ast.ImportFrom) and (each.module or "").partition(".")[0] == "fsm_robot":
                    assert each.module is not None
                    for name in each.names:
                        inner = f"{each.module}.{name.name}"
                        yield (inner if is_module(inner) else each.module).removeprefix("fsm_robot.")


def is_module(name: str) -> bool:
    """Return whether that is a module, and no name in one."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_nothing_is_left_to_import_when_a_script_starts(robot_folder: RobotFolder) -> None:
    """With every setting that gives the end of a run something to do."""
    robot_folder.settings(
        session={"at_keyboard": "stay", "after_failure": "stay"},
        screenshots={"upload": "pictures"},
        telemetry={"endpoint": "http://127.0.0.1:9"},
    )
    robot_folder.store.enqueue(robot_folder.script("short", "pass"))
    robot_folder.run_by(LOOK)
    done = robot_folder.run()
    assert done.exit_code == 0, done.err

    seen = json.loads((robot_folder.path / "seen.json").read_text("utf-8"))
    own = {name.removeprefix("fsm_robot.") for name in seen if name.startswith("fsm_robot.")}
    late = {name: set(late_imports(name)) - own for name in own}
    for allowed in (AT_A_START, FAILS_ALONE):
        late = {name: missing - set(allowed.get(name, ())) for name, missing in late.items()}
    assert {name: sorted(missing) for name, missing in late.items() if missing} == {}
