"""A version goes to one robot first, to the others once that one has worked with it, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.operations.versions import Place
from tests.fleet.folders import robot
from tests.operations.test_versions import program

NEW = "9.9.0"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 0) -> str:
    assert main(["fleet", "upgrade", *arguments]) == exit_code
    return "".join(capsys.readouterr())


def test_one_robot_first_then_the_others_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On real places of real versions: what was not tried, or is sick, goes no further; each way says what it does."""
    old, before = program(tmp_path / "old" / "fsm-robot.pyz", "1.0.0"), "1.0.0"
    new = str(program(tmp_path / "new" / "fsm-robot.pyz", NEW))
    places = {name: Place(tmp_path / f"place of {name}") for name in ("анна", "boris", "vera")}
    for place in places.values():
        place.use(place.add(old))
    homes = {"анна": "анна", "boris": "boris", "vera": "boris"}  # two share one place

    def ran(name: str, version: str, **status: object) -> None:
        robot(tmp_path / name, status={"version": version, **status}, every_min=60)
        schedule = tmp_path / name / "state" / "schedule.json"
        schedule.write_text(json.dumps({**json.loads(schedule.read_text()), "place": str(places[homes[name]].folder)}))

    for name in homes:
        ran(name, before)
    fleet = tmp_path / "fleet.toml"
    fleet.write_text("".join(f"[[robots]]\nfolder = '{tmp_path / name}'\n" for name in homes), encoding="utf-8")
    file = ["--file", str(fleet)]

    def current() -> dict[str, str]:
        return {name: places[name].choice().current for name in ("анна", "boris")}

    assert "no robot of this fleet has run with 9.9.0 yet" in told(capsys, new, *file, exit_code=2)
    assert "starts vera, too" in told(capsys, new, "--robot", "boris", *file, exit_code=2)
    assert "is not a fsm-robot.pyz" in told(capsys, str(fleet), *file, exit_code=2)
    assert "no robot of this machine is called 'nina'" in told(capsys, new, "--robot", "nina", *file, exit_code=2)
    assert current() == {"анна": before, "boris": before}

    said = told(capsys, new, "--robot", "анна", *file)
    assert f"{before} -> {NEW} for анна, from its next start on" in said
    assert current() == {"анна": NEW, "boris": before}
    ran("анна", NEW, clock_off_s=900)
    said = told(capsys, new, *file, exit_code=2)
    assert "анна has run with 9.9.0 and needs a look: its clock is 900 s ahead" in said

    ran("анна", NEW)
    assert f"{before} -> {NEW} for boris, vera" in told(capsys, new, *file)
    assert current() == {"анна": NEW, "boris": NEW}
    assert "is started with 9.9.0 already" in told(capsys, new, *file, exit_code=2)

    assert f"{NEW} -> {before} for анна" in told(capsys, "--back", "--robot", "анна", *file)
    assert current() == {"анна": before, "boris": NEW}
    assert f"{NEW} -> {before} for boris, vera" in told(capsys, "--back", *file)
    assert current() == {"анна": before, "boris": before}
    assert "no switch that could be taken back" in told(capsys, "--back", *file, exit_code=2)


def test_robot_that_no_launcher_starts_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do; nothing is read of the file before."""
    robot(tmp_path / "anna", every_min=60)
    fleet = tmp_path / "fleet.toml"
    fleet.write_text(f"[[robots]]\nfolder = '{tmp_path / 'anna'}'\n", encoding="utf-8")

    said = told(capsys, "--back", "--file", str(fleet), exit_code=2)

    assert "anna: is not started from a place of versions; python PLACE/fsm-robot.py schedule install" in said
