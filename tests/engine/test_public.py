"""What `fsm_robot.engine` offers and what docs/engine.md promises are the same, name by name."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import attrs

import fsm_robot.engine

PAGE = (Path(__file__).parents[2] / "docs" / "engine.md").read_text(encoding="utf-8")


def promised() -> list[str]:
    (block,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(block).splitlines()


def not_promised() -> set[str]:
    (line,) = re.findall(r"^Not for you, though nothing hides them: (.*)\.$", PAGE, re.MULTILINE)
    return set(re.findall(r"`([\w.]+)`", line))


def offered() -> list[str]:
    lines = []
    for name in fsm_robot.engine.__all__:
        kind = getattr(fsm_robot.engine, name)
        fields = [field for field in attrs.fields(kind) if not field.name.startswith("_")]
        lines += [f"{name}.{field.name}: {_of_ours(field.type)}" for field in fields]
        names = {field.name for field in fields}
        methods = [each for each in vars(kind) if not each.startswith("_") and each not in names]
        lines += [
            f"{name}.{each}{_signature(getattr(kind, each))}" for each in methods if callable(getattr(kind, each))
        ]
    return lines


def _of_ours(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _signature(method: Any) -> str:
    parameters = [each for each in inspect.signature(method).parameters.values() if each.name != "self"]
    text = str(inspect.signature(method).replace(parameters=parameters))
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are texts


def test_page_and_package_have_the_same_names_and_signatures() -> None:
    """Neither changes alone: who changes a signature reads here that it was promised."""
    hidden = not_promised()

    assert [line for line in offered() if re.split(r"[:(]", line)[0] not in hidden] == promised()


def test_what_is_said_to_be_no_promise_is_there() -> None:
    """A list of what is not promised would else outlive it."""
    assert not_promised() <= {re.split(r"[:(]", line)[0] for line in offered()}
