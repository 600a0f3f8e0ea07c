"""A verdict in words, as JSON values, and as JUnit XML. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import attrs

from fsm_robot.engine.journal.replay import Decision, Divergence, Verdict
from fsm_robot.engine.wording import counted


@attrs.frozen
class Replayed:
    """A journal by the name that messages call it, and its verdict."""

    name: str
    verdict: Verdict


def explained(replayed: Replayed, machine: str) -> list[str]:
    """Return the lines that tell a person what happened; `machine` is the name of the machine file."""
    verdict = replayed.verdict
    found = verdict.divergence
    where = f" at step {found.seq}" if found else f", {counted(verdict.steps, 'step')}"
    lines = [f"{replayed.name}: {verdict.judgement}{where}"]
    if found is not None:
        lines += [f"  {line}" for line in _divergence(found, replayed.name, machine)]
    if verdict.renamed:
        lines.append(f"  renamed   {', '.join(f'{old} -> {new}' for old, new in sorted(verdict.renamed.items()))}")
    return [_printable(line) for line in [*lines, *(f"  remark    {remark}" for remark in verdict.remarks)]]


def summary(all_replayed: Sequence[Replayed]) -> str:
    """Return the last line: how many runs got which verdict."""
    counts = Counter(replayed.verdict.judgement for replayed in all_replayed)
    parts = [f"{counts[kind]} {kind}" for kind in ("identical", "compatible", "divergent", "damaged") if counts[kind]]
    return f"{counted(len(all_replayed), 'run')}: {', '.join(parts)}"


def exit_code(all_replayed: Sequence[Replayed]) -> int:
    """Return 0: every run is decided alike; 1: one diverges; 2: a file could not be judged to its end."""
    kinds = {replayed.verdict.judgement for replayed in all_replayed}
    return 2 if "damaged" in kinds else 1 if "divergent" in kinds else 0


def as_values(replayed: Replayed) -> dict[str, object]:
    """Return the verdict as JSON values."""
    verdict = replayed.verdict
    return {
        "journal": replayed.name,
        "verdict": verdict.judgement,
        "steps": verdict.steps,
        "divergence": None if verdict.divergence is None else _values(verdict.divergence),
        "renamed": dict(verdict.renamed),
        "remarks": list(verdict.remarks),
    }


def junit(all_replayed: Sequence[Replayed], machine: str) -> str:
    """Return a JUnit XML report: a test case per run, a divergence is a failure, a damaged file is an error."""
    counts = Counter(replayed.verdict.judgement for replayed in all_replayed)
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(f"replay with {machine}"),
        tests=str(len(all_replayed)),
        failures=str(counts["divergent"]),
        errors=str(counts["damaged"]),
        skipped="0",
    )
    for replayed in all_replayed:
        verdict = replayed.verdict
        case = ElementTree.SubElement(suite, "testcase", classname="fsm_robot.replay", name=_xml(replayed.name))
        lines = explained(replayed, machine)
        if verdict.judgement in ("divergent", "damaged"):
            tag = "failure" if verdict.judgement == "divergent" else "error"
            message = verdict.divergence.sentence if verdict.divergence else verdict.remarks[0]
            entry = ElementTree.SubElement(case, tag, message=_xml(message), type=verdict.judgement)
            entry.text = _xml("\n".join(lines))
        else:
            ElementTree.SubElement(case, "system-out").text = _xml("\n".join(lines))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _divergence(found: Divergence, journal: str, machine: str) -> list[str]:
    where = f"{machine}:{found.machine_line}" if found.machine_line else machine
    lines = [found.sentence]
    if found.expected is not None:
        expected = _told(found, found.expected)
        actual = _told(found, found.actual) if found.actual else f"{found.state} on {found.event}: nothing is said"
        width = max(len(expected), len(actual))
        lines.append(f"expected  {expected:<{width}}  {journal}:{found.journal_line}")
        lines.append(f"actual    {actual:<{width}}  {where}")
    else:
        lines += [f"journal   {journal}:{found.journal_line}", f"machine   {where}"]
    if found.state:
        lines.append(f"allowed   in {found.state}: {', '.join(found.allowed) or 'nothing, it is final'}")
    return [*lines, *(f"to fix    {advice}" for advice in found.advice)]


def _told(found: Divergence, decision: Decision) -> str:
    return f"{found.state} on {found.event}: {decision.told()}"


def _values(found: Divergence) -> dict[str, object]:
    values: Mapping[str, object] = attrs.asdict(found)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def _printable(line: str) -> str:
    """Return a line that stays one, and moves no cursor, whatever names stand in a journal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


def _xml(text: str) -> str:
    """Return `text` without what XML 1.0 cannot hold."""
    return "".join(
        char
        if char in "\t\n\r" or "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff"
        else "�"
        for char in text
    )
