"""What a run of the simulator found, for a person and for a program, and a finding as files."""

from __future__ import annotations

import json
from pathlib import Path

from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import counted
from fsm_robot.simulator.explore import Finding, Tally
from fsm_robot.simulator.history import History

FACTS_SHOWN = 24


def as_values(tally: Tally, definition: Definition) -> dict[str, object]:
    """Return the tally as JSON values; the same seed gives the same bytes."""
    return {
        "worlds": tally.worlds,
        "jobs": tally.jobs,
        "lives": tally.lives,
        "calls": tally.calls,
        "virtual_hours": round(tally.virtual_s / 3600, 3),
        "faults": dict(sorted(tally.struck.items())),
        "transitions": {"taken": len(tally.transitions), "not_taken": _not_taken(tally, definition)},
        "files_sha256": tally.digest(),
        "violations": [
            {
                "invariant": broken.invariant,
                "at_s": round(broken.at_s, 6),
                "text": broken.text,
                "seed": finding.scenario.seed,
            }
            for finding in tally.findings
            for broken in finding.violations
        ],
    }


def as_text(tally: Tally, definition: Definition) -> str:
    """Return the tally for a person."""
    not_taken = _not_taken(tally, definition)
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.struck.items())) or "none"
    lines = [
        f"{counted(tally.jobs, 'job')} in {counted(tally.worlds, 'world')},"
        f" {counted(tally.lives, 'life', 'lives')} of the robot, {counted(tally.calls, 'call')},"
        f" {tally.virtual_s / 3600:.1f} hours of virtual time",
        f"faults that struck: {struck}",
        f"transitions taken: {len(tally.transitions)} of {len(definition.transitions)}",
        *(f"  never: {key}" for key in not_taken),
        f"SHA-256 of all files: {tally.digest()}",
        f"promises broken: {sum(len(finding.violations) for finding in tally.findings) or 'none'}",
    ]
    return "\n".join(lines)


def finding_as_text(finding: Finding, history: History, command: str) -> str:
    """Return what was broken, where in the history, and how to see it again."""
    lines = []
    for broken in finding.violations:
        lines.append(f"BROKEN {broken.invariant} at {broken.at_s:.3f} s: {broken.text}")
    until_s = finding.violations[0].at_s
    before = [fact for fact in history.facts if fact.at_s <= until_s] or list(history.facts)
    lines += ["", "what happened before:", *(f"  {fact}" for fact in before[-FACTS_SHOWN:])]
    lines += ["", f"{counted(len(finding.scenario.jobs), 'job')}, faults: {_faults(finding)}", f"again: {command}"]
    return "\n".join(lines)


def write_finding(directory: Path, finding: Finding, history: History, command: str) -> Path:
    """Write a finding as a fixture: the scenario, the history, and the files that the robot left; return its folder."""
    folder = directory / f"{finding.violations[0].invariant}-{finding.scenario.seed}"
    for path, content in history.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    scenario = json.dumps(finding.scenario.to_values(), indent=1, ensure_ascii=False)
    (folder / "scenario.json").write_text(scenario + "\n", encoding="utf-8")
    told = [finding_as_text(finding, history, command), "", "everything that happened:", *map(str, history.facts)]
    (folder / "finding.txt").write_text("\n".join(told) + "\n", encoding="utf-8")
    return folder


def _faults(finding: Finding) -> str:
    return ", ".join(f"{fault.kind} at {fault.at:g}" for fault in finding.scenario.faults) or "none"


def _not_taken(tally: Tally, definition: Definition) -> list[str]:
    return [edge.key for edge in definition.transitions if edge.key not in tally.transitions]
