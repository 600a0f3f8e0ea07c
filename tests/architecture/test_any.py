from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.test_imports import PACKAGE, sources

# Where a value has no type that anybody could know: what a file, a line of JSON or a row of a table holds becomes a value
# here. Elsewhere `object` says that anything may come, and whoever wants more of it has to look first.
CONVERTERS = {
    # YAML and JSON of a machine file.
    "engine/machine/document.py",
    "engine/machine/compiler.py",
    "engine/machine/definition.py",
    # Lines of a journal.
    "engine/journal/record.py",
    "engine/journal/parsing.py",
    # TOML of robot.toml, and the class that a user's callbacks declare for their section.
    "robot/settings.py",
    "engine/own_settings.py",
    # JSON of the orchestrator.
    "gateway/payloads.py",
    "gateway/probe.py",
    "gateway/object_rows.py",
    # Rows of the orchestrator, and of a file that an older version has written.
    "orchestrator/tables/database.py",
    "orchestrator/tables/schema.py",
    # The file of the job, as a script reads it; JSON that the robot answers, and that a person has written into a folder.
    "job.py",
    "sdk/_transport.py",
    "sdk/_jobapi.py",
    "sdk/_folder.py",
    "sdk/_files_of_run.py",
    # What the ssl module tells of a certificate.
    "operations/checks.py",
    # JSON of status.json, of schedule.json, and of another machine; TOML of fleet.toml.
    "robot/status_file.py",
    "fleet/documents.py",
    "fleet/file.py",
    # A counter-example in a file.
    "simulator/scenario.py",
}
# Values of the user's own, which only the user knows: a type here would be in the way of every callback.
THE_USERS_OWN = {
    "engine/machine/events.py",  # the data of an event
    "engine/context.py",  # the settings
    "engine/robot.py",  # the callbacks
    "robot/callbacks.py",  # the settings
    "sdk/_assets.py",  # the JSON of an asset
    "sdk/_tasks.py",  # the parameters of a task
    "sdk/_values.py",  # the same
    "sdk/legacy.py",  # answers, as `requests` hands them out
    "testing/plugin.py",  # what a test says of its world
    "testing/world.py",  # the answers that a test lays ready, and the settings
}
# What stands between two that know the type, and hands it on.
HANDED_ON = {
    "engine/calls.py",  # answers of calls of any kind, through one queue
    "jobapi/taking.py",  # the answer to a step, which is another one for each kind of step
}


def mentions(path: Path) -> bool:
    """Return whether a module says `Any`, by whatever name it imports it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in ("typing", "typing_extensions"):
            if any(alias.name == "Any" for alias in node.names):
                return True
        elif isinstance(node, ast.Attribute) and node.attr == "Any":
            return True
    return False


def is_listed(module: str) -> bool:
    return module in CONVERTERS | THE_USERS_OWN | HANDED_ON


def test_any_is_said_in_the_converters_only() -> None:
    """A module that says `Any` is not checked there: whoever misspells a key of a record learns it from the robot."""
    modules = [path.relative_to(PACKAGE).as_posix() for path in sources() if mentions(path)]

    assert [module for module in modules if not is_listed(module)] == []


def test_every_module_that_may_say_any_says_it() -> None:
    """A list that is longer than the truth lets the next one in."""
    listed = CONVERTERS | THE_USERS_OWN | HANDED_ON

    assert [module for module in sorted(listed) if not mentions(PACKAGE / module)] == []
