from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import fsm_robot

PACKAGE = Path(fsm_robot.__file__).parent

# What a room may import besides itself and `errors`; None: everything. The longest name that fits a module is its room.
# docs/architecture.md draws the arrows.
ALLOWED: dict[str, tuple[str, ...] | None] = {
    "errors": (),
    "job": (),
    # What a script imports, in whatever Python it runs: it knows nothing of the robot.
    "sdk": ("job",),
    "system": (),
    # Both ends of one pipe; the SDK's has to stand alone in the Python of a script.
    "system._channel_windows": ("sdk._pipe", "system"),
    # What any robot stands on knows nothing of the one that takes jobs from an orchestrator.
    "engine": ("system",),
    "engine.wording": (),
    "engine.machine": ("engine.wording",),
    "engine.ports": ("engine.machine",),
    "engine.journal": (
        "engine.machine",
        "engine.ports",
        "engine.redact",
        "engine.disk",
        "engine.wording",
        "system.readers",
    ),
    "robot": ("engine", "system"),
    "robot.script_limits": ("sdk._values",),
    "gateway": ("robot.ports", "engine.redact", "engine.wording", "system"),
    "worker": ("robot.ports", "engine.redact", "engine.wording", "system"),
    # The one module of that room that knows the edges: it builds them.
    "robot.wiring": ("engine", "gateway", "worker", "robot", "jobapi", "system"),
    "robot.of_jobs": ("engine", "gateway", "worker", "robot", "jobapi", "system", "telemetry.trace_ids"),
    # Runs for a collector of traces, once they are over.
    "telemetry": ("engine.journal", "gateway", "robot.settings", "system"),
    # Lines for the orchestrator's log.
    "shipping": ("system",),
    "orchestrator": ("engine.redact", "engine.wording", "system"),
    "schedule": (),
    "analyst": ("engine.machine", "engine.journal", "engine.wording", "robot.settings", "robot.unsettled"),
    "analyst.browser": ("system",),
    "operations": ("analyst.eventlog", "engine", "robot", "gateway", "worker", "shipping", "system", "telemetry"),
    # Many robots side by side, on this machine and on others.
    "fleet": (
        *("operations", "engine", "robot", "worker", "analyst", "schedule", "system"),
        *("orchestrator.connections", "orchestrator.heads"),  # a server that no client can hurt
    ),
    "simulator": (
        *("engine", "robot", "gateway.payloads", "gateway.reading", "gateway.failures"),
        *("orchestrator.moves", "orchestrator.rows", "jobapi", "sdk"),
    ),
    # What a script asks of its robot.
    "jobapi": ("engine", "robot", "gateway.object_rows", "sdk", "shipping", "system"),
    "testing": ("engine", "robot", "sdk", "job"),
    "cli": None,
    "": ("cli", "robot.callbacks", "engine.machine.events"),
}
ONLY_IMPORTERS = {
    "requests": {"gateway/adapter.py"},
    "urllib3": {"gateway/adapter.py"},
    "loguru": {"engine/logs.py"},
    "transitions": {"engine/machine/core.py"},
    "yaml": {"engine/machine/document.py"},
    "orjson": {"engine/journal/parsing.py"},
    "distributed": {"simulator/cluster.py"},
    "opentelemetry": {"telemetry/otlp.py"},
    "psycopg": {"orchestrator/tables/postgres.py"},
    "pyarrow": {"cli/parquet_dataset.py"},
    # Three files that have nothing in common.
    "sqlite3": {"orchestrator/tables/sqlite_file.py", "robot/job_index.py", "system/long_table.py"},
}
FORBIDDEN_IN_PURE = {"requests", "subprocess", "loguru", "time", "random", "socket", "os", "pathlib", "threading"}
ENGINE, ROBOT = PACKAGE / "engine", PACKAGE / "robot"
PURE_FILES = [
    *(path for path in (ENGINE / "machine").glob("*.py") if path.name != "schema.py"),
    *(ENGINE / "journal" / f"{name}.py" for name in ("record", "crash", "replay", "explain", "story", "taken")),
    *(ENGINE / f"{name}.py" for name in ("retry", "wording")),
    ROBOT / "unsettled.py",
    *(path for path in (PACKAGE / "analyst").rglob("*.py") if path.name not in ("assets.py", "browser.py")),
    *(
        path
        for path in (PACKAGE / "operations").glob("*.py")
        if path.name not in ("bundle.py", "checks.py", "folders.py", "examination.py", "versions.py", "launcher.py")
    ),
    *(PACKAGE / "schedule" / name for name in ("plan.py", "task_xml.py", "units.py", "clusters.py")),
    *(PACKAGE / "fleet" / f"{name}.py" for name in ("sight", "health", "documents", "changes", "metrics", "toml_text")),
    PACKAGE / "gateway" / "certificates.py",
    PACKAGE / "errors.py",
    *(PACKAGE / "gateway" / f"{name}.py" for name in ("payloads", "reading", "tls_failures")),
    *(PACKAGE / "simulator" / f"{name}.py" for name in ("scenario", "history", "secrets", "invariants", "shrink")),
    PACKAGE / "worker" / "decoding.py",
    *(PACKAGE / "telemetry" / f"{name}.py" for name in ("trace_ids", "traces", "otlp")),
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


def room_of(module: str) -> str:
    """Return the room of a module, `engine.machine` for `engine.machine.core`; the top of the package is empty."""
    parts = module.split(".")
    return next(room for size in range(len(parts), -1, -1) if (room := ".".join(parts[:size])) in ALLOWED)


def test_imports_point_one_way() -> None:
    """No module knows one of a room above it, and the edges never know each other."""
    wrong = []
    for path in sources():
        relative = path.relative_to(PACKAGE)
        room = room_of(".".join(relative.with_suffix("").parts))
        allowed = ALLOWED[room]
        if allowed is None:
            continue
        for name in imports_of(path):
            inside = name.removeprefix("fsm_robot.") if name.startswith("fsm_robot.") else ""
            if inside.split(".")[0] in ("", "errors", "__version__"):
                continue
            if not any(inside == prefix or inside.startswith(f"{prefix}.") for prefix in (*allowed, room) if prefix):
                wrong.append(f"{relative} imports {name}")
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Whoever reads one module can read what it stands on, and arrives somewhere; also where imports are late."""
    modules = {"fsm_robot." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sources()}
    below = {name: {used for used in _modules_of(path) if used in modules} for name, path in modules.items()}

    order = TopologicalSorter(below)

    assert list(order.static_order())


def _modules_of(path: Path) -> set[str]:
    names = imports_of(path)
    return names | {name.rpartition(".")[0] for name in names}


def test_at_the_top_stands_only_what_people_import() -> None:
    """Whoever opens the package sees rooms, and the few modules that scripts and users import by name."""
    modules = {path.name for path in PACKAGE.glob("*.py")}

    assert modules == {"__init__.py", "__main__.py", "callbacks.py", "errors.py", "job.py"}


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
    # robot of a simulated world raises is a finding; a collector's answer is a sentence. No thread ends unseen, and no heartbeat is the last one, whatever they raise.
    assert sorted(found) == [
        "cli/__init__.py",
        "cli/run.py",
        "cli/streams.py",
        "engine/callbacks.py",
        "engine/own_settings.py",
        "engine/runner.py",
        "gateway/http.py",
        "robot/heartbeats.py",
        "sdk/_handler.py",
        "sdk/_tasks.py",
        "simulator/world.py",
        "system/threads.py",
        "telemetry/export.py",
        "worker/host.py",
    ]


def test_every_thread_that_is_begun_stands_in_the_page_of_the_architecture() -> None:
    """Who looks for what may change the state, or hang, finds all that runs beside the owner."""
    begun = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("threads.start", "self.start") and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    begun.add(name.value)
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = page[page.index("| thread | does |") :].split("\n\n")[0].splitlines()[2:]
    told = " ".join(row.split("|")[1] for row in rows)

    assert len(begun) >= 10
    assert {name for name in begun if name not in told} == set()
