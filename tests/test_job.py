from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module as a script sees it, with nothing read yet."""
    from fsm_robot import job

    monkeypatch.setattr(job, "_loaded", None)
    return job


def told(monkeypatch: pytest.MonkeyPatch, folder: Path, **documents: Any) -> None:
    (folder / "job.json").write_text(json.dumps(documents), encoding="utf-8")
    monkeypatch.setenv("FSM_ROBOT_JOB", str(folder / "job.json"))


def test_script_started_by_hand_has_no_parameters_and_is_never_stopped(job: Any) -> None:
    """Nothing has to be set for a first try."""
    assert job.parameters() == {}
    assert job.task() is None
    assert (job.guid(), job.script_name()) == ("", "")
    assert job.stop_requested() is False


@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        (None, {}),
        ("", {}),
        ([], {}),
        ({"Parameters": '{"month": "2026-10"}'}, {"month": "2026-10"}),
        ({"Parameters": {"month": "2026-10"}}, {"month": "2026-10"}),
        ({" parameters ": '{"a": 1}', "Name": "x"}, {"a": 1}),
        ({"month": "2026-10"}, {"month": "2026-10"}),
        ({"Parameters": ""}, {}),
        ({"Parameters": None}, {}),
        ({"Parameters": "просто текст"}, {"parameters": "просто текст"}),
        ({"Parameters": "[1, 2]"}, {"parameters": [1, 2]}),
        ("текст", {"parameters": "текст"}),
    ],
)
def test_parameters_are_what_the_task_holds(
    job: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, task: Any, parameters: Any
) -> None:
    """Under `Parameters`, as text or as a mapping, or the task itself."""
    told(monkeypatch, tmp_path, task=task)

    assert job.parameters() == parameters


def test_stop_is_seen_as_soon_as_the_flag_is_there(job: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asked again, it looks again; the job file may be gone by then."""
    told(monkeypatch, tmp_path, stop_flag=str(tmp_path / "stop"), job={"GUID": "g"}, process_version={"Name": "n"})
    assert job.stop_requested() is False
    (tmp_path / "job.json").unlink()

    (tmp_path / "stop").touch()

    assert job.stop_requested() is True
    assert (job.guid(), job.script_name()) == ("g", "n")
