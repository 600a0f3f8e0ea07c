from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fsm_robot

PACKAGE = Path(fsm_robot.__file__).parent

# Each layer may import from the layers named behind it, and from `errors` and `wording`. docs/architecture.md explains them.
PURE = (
    "machine",
    "ports",
    "codes",
    "gateway.retry",
    "redact",
    "clock",
    "journal.record",
    "journal.crash",
    "journal.unsettled",
    "journal.replay",
    "journal.taken",
)
ALLOWED = {
    "errors": (),
    "wording": (),
    "redact": (),
    "clock": (),
    "machine": ("machine",),
    "ports": ("machine",),
    "codes": ("machine",),
    "calls": ("threads",),
    "inbox": (*PURE, "calls"),
    "threads": (),
    "timers": ("threads",),
    "disk": ("_posix", "_windows"),
    "logs": ("redact", "log_file"),
    "log_file": ("_posix", "_windows"),
    "gateway": (*PURE, "gateway"),
    "journal": (*PURE, "journal", "disk"),
    "worker": (*PURE, "worker", "threads", "_posix", "_windows"),
    "orchestrator": (*PURE, "orchestrator", "_posix", "_windows"),
    "simulator": (
        *PURE,
        *("simulator", "runner", "callbacks", "patience", "pulse", "logs", "journal", "settings", "timeouts"),
        *("gateway.payloads", "gateway.reading", "gateway.failures", "orchestrator.moves", "orchestrator.rows"),
    ),
    "export": (*PURE, "export", "settings"),
    "player": (*PURE, "export", "player"),
    "browser": ("_posix", "_windows"),
    "job": (),
    # What a script imports, in whatever Python it runs: it knows nothing of the robot.
    "sdk": ("sdk", "job"),
    "settings": (),
    "patience": (*PURE, "logs"),
    "pulse": (*PURE, "logs"),
    "callbacks": (*PURE, "logs", "patience", "pulse", "timeouts"),
    "timeouts": ("machine", "ports"),
    "operations": (
        *PURE,
        "operations",
        "export.statistics",
        "journal",
        "settings",
        "instance",
        *(
            "gateway.http",
            "gateway.tls",
            "gateway.failures",
            "gateway.payloads",
            "gateway.proxies",
            "gateway.tls_failures",
        ),
        "worker.interpreter",
        "worker.names",
        "worker.job_folder",
        "_posix",
        "_windows",
    ),
    "runner": (*PURE, "logs", "timeouts"),
    "jobapi": (*PURE, "jobapi", "sdk"),
    # What any robot stands on knows nothing of the one that takes jobs from an orchestrator.
    "engine": (
        *PURE,
        *("engine", "runner", "inbox", "timers", "timeouts", "threads", "logs", "journal.file", "journal.identity"),
        *("instance", "machine_file", "_posix", "_windows", "_channel_posix", "_channel_windows"),
    ),
    "_channel_posix": ("_posix",),
    "_channel_windows": (),
    "testing": (
        *PURE,
        *("testing", "journal", "machine_file", "settings", "timeouts", "logs", "sdk", "job"),
        *("patience", "pulse", "callbacks", "runner"),
    ),
    "instance": ("_posix", "_windows"),
    "session": ("logs", "redact", "_posix", "_windows"),
    "_posix": ("threads",),
    "_windows": ("_session_end", "_private_file"),
    "_session_end": (),
    "_private_file": (),
    "legacy": ("settings",),
    "schedule": ("schedule",),
    "machine_file": ("machine", "settings"),
    "wiring": None,
    "cli": None,
    "__init__": (),
    "__main__": ("cli",),
}
ONLY_IMPORTERS = {
    "requests": {"gateway/adapter.py"},
    "urllib3": {"gateway/adapter.py"},
    "loguru": {"logs.py"},
    "transitions": {"machine/core.py"},
    "yaml": {"machine/document.py"},
    "sqlite3": {"orchestrator/store.py", "journal/index.py"},  # two files that have nothing in common
}
FORBIDDEN_IN_PURE = {"requests", "subprocess", "loguru", "time", "random", "socket", "os", "pathlib", "threading"}
PURE_FILES = [
    *(path for path in (PACKAGE / "machine").glob("*.py") if path.name != "schema.py"),
    *(path for path in (PACKAGE / "export").glob("*.py") if path.name != "configuration.py"),
    *(path for path in (PACKAGE / "operations").glob("*.py") if path.name not in ("checks.py", "folders.py")),
    *(path for path in (PACKAGE / "player").glob("*.py") if path.name != "assets.py"),
    *(PACKAGE / "schedule" / name for name in ("plan.py", "task_xml.py", "units.py")),
    PACKAGE / "codes.py",
    PACKAGE / "errors.py",
    PACKAGE / "gateway" / "payloads.py",
    PACKAGE / "gateway" / "reading.py",
    PACKAGE / "gateway" / "retry.py",
    PACKAGE / "gateway" / "tls_failures.py",
    PACKAGE / "journal" / "record.py",
    PACKAGE / "journal" / "crash.py",
    PACKAGE / "journal" / "unsettled.py",
    PACKAGE / "journal" / "replay.py",
    PACKAGE / "journal" / "explain.py",
    PACKAGE / "journal" / "story.py",
    PACKAGE / "journal" / "taken.py",
    *(PACKAGE / "simulator" / f"{name}.py" for name in ("scenario", "history", "secrets", "invariants", "shrink")),
    PACKAGE / "worker" / "decoding.py",
]


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, with the names of `from x import y` as `x.y` too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "examples" not in path.parts)


def test_imports_point_one_way() -> None:
    """No module knows one of a layer above it, and the edges never know each other."""
    wrong = []
    for path in sources():
        relative = path.relative_to(PACKAGE)
        layer = relative.parts[0].removesuffix(".py")
        allowed = ALLOWED[layer]
        if allowed is None:
            continue
        for name in imports_of(path):
            inside = name.removeprefix("fsm_robot.") if name.startswith("fsm_robot.") else ""
            if not inside or inside.split(".")[0] in ("errors", "wording", "__version__"):
                continue
            if not any(inside == prefix or inside.startswith(f"{prefix}.") for prefix in allowed):
                wrong.append(f"{relative} imports {name}")
    assert wrong == []


def test_each_outside_package_has_one_importer() -> None:
    """A library that could be replaced is fenced behind one module."""
    wrong = []
    for path in sources():
        relative = path.relative_to(PACKAGE).as_posix()
        for name in imports_of(path):
            allowed = ONLY_IMPORTERS.get(name.split(".")[0])
            if allowed is not None and relative not in allowed:
                wrong.append(f"{relative} imports {name}")
    assert wrong == []


def test_pure_modules_do_no_io() -> None:
    """What decides, converts or draws touches no clock, disk, network, process or chance."""
    wrong = []
    for path in PURE_FILES:
        relative = path.relative_to(PACKAGE).as_posix()
        wrong += [f"{relative} imports {name}" for name in imports_of(path) if name.split(".")[0] in FORBIDDEN_IN_PURE]
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        wrong += [
            f"{relative} calls open" for call in calls if isinstance(call.func, ast.Name) and call.func.id == "open"
        ]
    assert wrong == []


@pytest.mark.parametrize(
    "posix", sorted(PACKAGE.rglob("_*posix.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_posix_and_windows_twins_have_the_same_public_names(posix: Path) -> None:
    """Two files with the same names inside, down to the methods of their classes; never branches spread about."""
    windows = posix.with_name(posix.name.replace("posix", "windows"))

    assert public_names(posix) == public_names(windows)


def public_names(path: Path) -> dict[str, object]:
    """Return the public constants, functions (with their parameters), classes and methods of a module."""
    return _names_in(ast.parse(path.read_text(encoding="utf-8")).body)


def _names_in(body: list[ast.stmt], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found[prefix + node.name] = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        elif isinstance(node, ast.ClassDef):
            found[prefix + node.name] = "class"
            found.update(_names_in(node.body, f"{prefix}{node.name}."))
        elif isinstance(node, ast.AnnAssign):
            found[prefix + ast.unparse(node.target)] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign):
            names = (name for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))
            found.update({prefix + name.id: "value" for name in names})
    return {name: what for name, what in found.items() if not any(part.startswith("_") for part in name.split("."))}


def test_catch_all_swallows_nothing() -> None:
    """`except Exception` either raises again what it caught, or stands in one of the places that turn it into words."""
    found = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            catches_all = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            last = node.body[-1]
            if catches_all and not (isinstance(last, ast.Raise) and last.exc is None):
                found.add(path.relative_to(PACKAGE).as_posix())
    # The command line's exit code, what ends a run outside its loop, whatever a callback raises, the kinds of failure of a
    # call, the error of a user's module or class of settings, of a console, and the text of a script's exception or log record; what the
    # robot of a simulated world raises is a finding. No thread ends unseen, and no heartbeat is the last one, whatever they raise.
    assert sorted(found) == [
        "cli/__init__.py",
        "cli/run.py",
        "cli/streams.py",
        "engine/callbacks.py",
        "engine/own_settings.py",
        "gateway/http.py",
        "pulse.py",
        "runner.py",
        "sdk/_handler.py",
        "sdk/_tasks.py",
        "simulator/world.py",
        "threads.py",
        "worker/host.py",
    ]
