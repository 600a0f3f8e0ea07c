"""The pages of docs/reference: made from parsers, schemas, forms and docstrings, by `make docs`; a test keeps them current.

python -m tests.docs.reference
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import attrs

import fsm_robot.engine
import fsm_robot.job
import fsm_robot.sdk
from fsm_robot.cli import COMMANDS
from fsm_robot.engine.machine.definition import CallbackSpec
from fsm_robot.gateway import payloads
from fsm_robot.robot import machine
from fsm_robot.robot.ports import Job

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
PACKAGE = ROOT / "fsm_robot"
MADE = "Made by `make docs` from {}; change that, not this page."


def pages() -> Mapping[str, str]:
    """Return each page by the name of its file."""
    made: Mapping[str, Callable[[], str]] = {
        "cli.md": command_line,
        "machine-file.md": machine_file,
        "journal-line.md": journal_line,
        "wire.md": wire,
        "sdk.md": sdk,
        "engine.md": engine,
    }
    return {name: page() for name, page in made.items()}


def command_line() -> str:
    """Every command with its arguments and options, as the parsers declare them."""
    parts = [
        "# Command line",
        MADE.format("the parsers in `fsm_robot/cli/`") + " `fsm-robot COMMAND --help` tells the same in a terminal.",
        "\n".join(f"- [`fsm-robot {name}`](#fsm-robot-{name}): {_cell(what)}" for name, what in COMMANDS.items()),
    ]
    for name, what in COMMANDS.items():
        parser = parser_of(name)
        parts += [f"## fsm-robot {name}", f"{_cell(what[0].upper() + what[1:])}.", *_arguments(parser)]
        for path, inner, told in _below(parser, name):
            parts += [f"### fsm-robot {path}", *([f"{_cell(told[0].upper() + told[1:])}."] if told else [])]
            parts += _arguments(inner)
    return "\n\n".join(parts) + "\n"


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command, as the command line makes it."""
    parser = argparse.ArgumentParser(prog=f"fsm-robot {name}", description=COMMANDS[name], allow_abbrev=False)
    import_module(f"fsm_robot.cli.{name.replace('-', '_')}").add_arguments(parser)
    return parser


def tree(name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield a command and the commands below it, each with its parser."""
    parser = parser_of(name)
    yield name, parser
    yield from ((path, inner) for path, inner, _ in _below(parser, name))


def _below(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {each.dest: each.help or "" for each in action._choices_actions}
            for name, inner in action.choices.items():
                yield f"{path} {name}", inner, told.get(name, "")
                yield from _below(inner, f"{path} {name}")


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        rows.append(f"| {_called(action)} | {_cell(_help(parser, action))} |")
    return ["\n".join(["| argument or option | meaning |", "|---|---|", *rows])] if rows else []


def _called(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        return f"`{value}`"
    return ", ".join(f"`{name} {value}`" if value else f"`{name}`" for name in action.option_strings)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    shown = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices is not None and not action.metavar:
        shown = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    word = (shown if isinstance(shown, str) else " ".join(shown)).replace("|", " or ")  # a bar would end the cell
    many = {"?": f"[{word}]", "*": f"[{word} …]", "+": f"{word} …", argparse.REMAINDER: f"[{word} …]"}
    return many.get(str(action.nargs), word)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    default = action.default
    shown = {**vars(action), "prog": parser.prog}
    text = (action.help or "") % shown
    required = "" if not action.option_strings or not action.required else " (required)"
    told = "default" in text or default in (None, False, "", argparse.SUPPRESS, [], ()) or not action.option_strings
    return text + required + ("" if told else f" (default: {default})")


def machine_file() -> str:
    """Every key of a machine file and of its labels, as the JSON Schemas declare them."""
    schema, labels = (_schema(name) for name in ("states", "labels"))
    parts = [
        "# Machine file",
        MADE.format("`fsm_robot/states.schema.json`")
        + " [changing.md](../changing.md#your-own-machine-file) tells how the keys work together.",
        _keys(schema),
    ]
    for name, kind in schema["$defs"].items():
        parts += [f"## {_titled(name)}", _keys(kind)] if "properties" in kind else []
    parts += ["## A file of labels", "`states.ru.yaml` beside `states.yaml`; one file per language.", _keys(labels)]
    for name, kind in labels["$defs"].items():
        parts += [f"### {_titled(name)}", _keys(kind)]
    return "\n\n".join(parts) + "\n"


def journal_line() -> str:
    """Every key of the three records of a journal."""
    parts = [
        "# Journal line",
        MADE.format("`fsm_robot/journal.schema.json`") + " [journal.md](../journal.md) tells what is made of it.",
    ]
    for record in _schema("journal")["oneOf"]:
        parts += [f"## {_titled(record['title'])}", _keys(record)]
    return "\n\n".join(parts) + "\n"


def wire() -> str:
    """What the three calls send, and which event each code of an answer becomes."""
    job = Job("<job GUID>", "<name of the version>", "", {})
    forms = {
        f"POST {payloads.HEARTBEAT_PATH}": payloads.heartbeat_form("<robot GUID>", payloads.WORKING, job),
        f"POST {payloads.CONSUME_PATH}": payloads.consume_form("<robot GUID>"),
        f"PUT {payloads.UPDATE_PATH}": payloads.job_form("<job GUID>", 4),
    }
    parts = [
        "# The wire, in tables",
        MADE.format("`fsm_robot/gateway/payloads.py` and `states.yaml`")
        + " [protocol.md](../protocol.md) is the page.",
        "## What is sent",
    ]
    for call, form in forms.items():
        rows = [f"| `{key}` | `{value}` |" if value else f"| `{key}` | |" for key, value in _fields(form)]
        parts += [f"### {call}", "\n".join(["| field | such as |", "|---|---|", *rows])]
    definition = machine.load(machine.built_in())
    parts += ["## What the codes become", "\n".join(["| callback | field | code | event |", "|---|---|---|---|"])]
    parts[-1] += "".join(f"\n{row}" for callback in definition.callbacks for row in _codes(callback))
    rows = [f"| `{name}` | {status} |" for name, status in definition.outcomes.items()]
    parts += ["## What is reported", "\n".join(["| outcome | status of the job |", "|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _fields(form: bytes) -> list[tuple[str, str]]:
    return parse_qsl(form.decode("ascii"), keep_blank_values=True)


def _codes(callback: CallbackSpec) -> Iterator[str]:
    for field, codes in callback.codes.items():
        for code, event in codes.items():
            led = f"`{event}`" if event else "none by itself"
            yield f"| `{callback.name}` | `{field}` | {code} | {led} |"


def sdk() -> str:
    """Every public name of `fsm_robot.sdk` and `fsm_robot.job`."""
    parts = [
        "# SDK, by name",
        MADE.format("the docstrings of `fsm_robot/sdk/` and `fsm_robot/job.py`")
        + " [sdk.md](../sdk.md) tells how they are used.",
    ]
    for name in fsm_robot.sdk.__all__:
        value = getattr(fsm_robot.sdk, name)
        parts += _module(value, "fsm_robot.sdk") if inspect.ismodule(value) else _named(name, value)
    parts += _module(fsm_robot.job, "fsm_robot")
    return "\n\n".join(parts) + "\n"


def engine() -> str:
    """Every public name of `fsm_robot.engine`."""
    parts = [
        "# Engine, by name",
        MADE.format("the docstrings of `fsm_robot/engine/`")
        + " [engine.md](../engine.md) tells how they are used, and which of them stay.",
    ]
    for name in fsm_robot.engine.__all__:
        parts += _named(name, getattr(fsm_robot.engine, name))
    return "\n\n".join(parts) + "\n"


def _module(module: Any, home: str) -> list[str]:
    short = module.__name__.rpartition(".")[2]
    parts = [f"## {short}", f"`from {home} import {short}`", _text(module)]
    names = [name for name in getattr(module, "__all__", ()) if callable(getattr(module, name))]
    for name in names:
        parts += _described("###", f"{short}.{name}", getattr(module, name))
    return parts


def _named(name: str, value: Any) -> list[str]:
    if not inspect.isclass(value):
        return _described("##", name, value)
    parts = [f"## {name}", _text(value)]
    fields = attrs.fields(value) if attrs.has(value) else ()
    hidden = {field.name for field in fields}
    for key, member in vars(value).items():
        if key.startswith("_") or key in hidden:
            continue
        inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(inner, property):
            parts += [f"### {name}.{key}", _text(inner)]
        elif inspect.isfunction(inner):
            parts += _described("###", f"{name}.{key}", inner)
    return parts


def _described(level: str, name: str, value: Any) -> list[str]:
    signature = inspect.signature(value)
    kept = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    # Annotations are texts, which a signature shows in quotes.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(signature.replace(parameters=kept)))
    return [f"{level} {name}", f"`{name}{text}`", _text(value)]


def _text(value: Any) -> str:
    """A docstring as text of a page: sections of Google's style as lists, indented examples as blocks."""
    lines, out, section, code = inspect.cleandoc(value.__doc__ or "").splitlines(), [], False, False
    for line in lines:
        if re.fullmatch(r"(Attributes|Args|Returns|Raises|Yields):", line):
            out += ["", f"{line[:-1]}:", ""]
            section = True
        elif section and re.match(r" {4}\S", line):
            head, _, rest = line.strip().partition(": ")
            out.append(f"- `{head}`: {rest}" if rest else f"- {head}")
        elif section and re.match(r" {8}", line):
            out[-1] += f" {line.strip()}"
        elif re.match(r" {4}", line):
            out += [] if code else ["```text"]
            out.append(line[4:])
            code = True
        elif code and line:
            out = [*_stripped(out), "```", "", line]
            code = False
        else:
            section = section and not line
            out.append(line)
    return "\n".join([*_stripped(out), "```"] if code else out).strip()


def _stripped(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def _schema(name: str) -> Any:
    return json.loads((PACKAGE / f"{name}.schema.json").read_text(encoding="utf-8"))


def _titled(name: str) -> str:
    words = name.replace("_", " ")
    return words[0].upper() + words[1:]


def _keys(kind: Mapping[str, Any]) -> str:
    rows = ["| key | holds | meaning |", "|---|---|---|"]
    for key, shape in kind["properties"].items():
        needed = " (required)" if key in kind.get("required", ()) else ""
        rows.append(f"| `{key}`{needed} | {_holds(shape)} | {_cell(shape.get('description', ''))} |")
    return "\n".join(rows)


def _holds(shape: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "const" in shape:
        return f"`{json.dumps(shape['const'])}`"
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    if "$ref" in shape:
        return _titled(shape["$ref"].rpartition("/")[2]).lower()
    if "anyOf" in shape:
        return ", or ".join(_holds(each) for each in shape["anyOf"])
    kind = shape.get("type", "any")
    if kind == "array":
        return f"list of {_holds(shape.get('items', {}))}"
    if kind == "object" and isinstance(shape.get("additionalProperties"), dict):
        return f"mapping to {_holds(shape['additionalProperties'])}"
    if kind == "integer" and {"minimum", "maximum"} <= set(shape):
        return f"whole number, {shape['minimum']} to {shape['maximum']}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return words.get(str(kind), {"object": "mapping"}.get(str(kind), str(kind)))


def _cell(text: str) -> str:
    """A text in a cell of a table; `<` would begin a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def write() -> None:
    """Write every page; a file of a page that is made no more is removed."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write()
