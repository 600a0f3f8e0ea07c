"""Every key of robot.toml as text, from the metadata of `settings.py`: a commented file, and docs/configuration.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from fsm_robot.robot.settings import ENVIRONMENT_PREFIX, LIMITS, SECTIONS, LimitsSettings


def robot_toml(values: Mapping[tuple[str, str], object]) -> str:
    """Return a commented robot.toml: keys in `values` are set, all others are there as comments with their default."""
    lines = ["# Settings of this robot. Every key may also be an environment variable, which wins:"]
    lines.append(f"# {ENVIRONMENT_PREFIX}<SECTION>_<KEY>, such as {ENVIRONMENT_PREFIX}LOGGING_LEVEL=DEBUG.")
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]"]
        for field in attrs.fields(kind):
            given = (section, field.name) in values
            value = values[section, field.name] if given else _default(field)
            lines.append(f"# {field.metadata['help']}")
            lines.append(f"{'' if given else '# '}{field.name} = {_toml(value)}")
    lines += ["", f"# {_LIMITS_HELP}", f"# [[{LIMITS}]]"]
    for field in attrs.fields(LimitsSettings):
        lines += [f"# {field.metadata['help']}", f"# {field.name} = {_toml(_shown(field))}"]
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return docs/configuration.md."""
    parts = [
        "# robot.toml",
        "Made from `fsm_robot/robot/settings.py` by `make docs`; change that file, not this one."
        " `fsm-robot init` writes a commented file, `fsm-robot check` names every mistake with its line.",
        f"Every key is also an environment variable, `{ENVIRONMENT_PREFIX}<SECTION>_<KEY>`, and the environment wins."
        " Relative paths start at the folder of `robot.toml`.",
    ]
    for section, kind in SECTIONS.items():
        parts += [f"## `[{section}]`", _table(kind)]
    parts += [
        f"## `[[{LIMITS}]]`",
        f"{_LIMITS_HELP} No variable of the environment stands for it.",
        _table(LimitsSettings),
    ]
    return "\n\n".join(parts) + "\n"


_LIMITS_HELP = "Once for each pattern of scripts; the first entry that fits a script counts, and no other."


def _table(kind: type) -> str:
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for field in attrs.fields(kind):
        meaning = field.metadata["help"].replace("|", "\\|")  # a bar would end the cell
        rows.append(f"| `{field.name}` | `{_toml(_default(field))}` | {meaning} |")
    return "\n".join(rows)


def _shown(field: attrs.Attribute[object]) -> object:
    return "*" if field.name == "script" else _default(field)


def _default(field: attrs.Attribute[object]) -> object:
    # For a list attrs keeps what makes it; an empty one in its place would tell people that nothing is allowed.
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else list(factory())


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/configuration.md").write_text(
        page(), encoding="utf-8", newline="\n"
    )
