"""The watcher: a line per change, a call per change, never the same again and again, and a heartbeat of its own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.errors import InstanceRunningError
from fsm_robot.fleet.changes import Known, changes
from fsm_robot.fleet.metrics import FIGURES, text_of
from fsm_robot.fleet.sight import Problem, Sight
from fsm_robot.fleet.watching import Watch
from tests.fleet.folders import ago, robot

SAVE = "import sys, pathlib; f = open('told.jsonl', 'ab'); f.write(sys.stdin.buffer.read() + b'\\n')"
NOON = "2026-11-23T12:{:02d}:00Z"
SICK = {"failing": {"счета": {"times": 3}}}


def fleet_in(folder: Path, *command: str) -> Path:
    words = json.dumps([sys.executable, "-c", SAVE, *command])
    path = folder / "fleet.toml"
    head = f"[fleet]\nwait_s = 120\nnotify_command = {words}\n[metrics]\ntextfile = 'prom/robots.prom'\n"
    path.write_text(f"{head}[[robots]]\nfolder = 'r/*'\n", encoding="utf-8")
    return path


def told(folder: Path) -> list[Any]:
    file = folder / "told.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()] if file.exists() else []


def test_change_is_one_line_and_one_call_and_what_lasts_is_neither(tmp_path: Path) -> None:
    """Sick, still sick, well again; the log, who is notified, the heartbeat and the metrics agree."""
    robot(tmp_path / "r" / "anna")
    robot(tmp_path / "r" / "вера")
    lines: list[str] = []
    watch = Watch(fleet_in(tmp_path), lines.append)

    watch.look()
    assert (lines, told(tmp_path)) == ([], [])
    robot(tmp_path / "r" / "вера", status=SICK)
    watch.look()
    watch.look()
    robot(tmp_path / "r" / "вера")
    watch.look()
    watch.look()

    assert [line.split(" ", 1)[1].split()[0] for line in lines] == ["began", "over"]
    assert "вера: failing: script счета failed 3 times in a row" in lines[0]
    first, second = told(tmp_path)
    assert [(each["robot"], each["kind"]) for each in first["began"]] == [("вера", "failing")]
    assert (first["sick"], first["robots"], second["sick"], len(second["over"])) == (["вера"], 2, [], 1)
    log = (tmp_path / "fleet-watch" / "watch.log").read_text(encoding="utf-8")
    assert log.splitlines() == lines
    beat = json.loads((tmp_path / "fleet-watch" / "heartbeat.json").read_text(encoding="utf-8"))
    assert (beat["robots"], beat["sick"], beat["problem"]) == (2, [], "")
    metrics = (tmp_path / "prom" / "robots.prom").read_text(encoding="utf-8")
    assert 'fsm_robot_running{robot="вера"' in metrics
    assert "fsm_robot_watch_heartbeat_timestamp_seconds 1" in metrics


def test_who_cannot_be_notified_does_not_stop_the_watch_and_is_said(tmp_path: Path) -> None:
    """In the log and in the heartbeat, where an outside monitor looks."""
    robot(tmp_path / "r" / "вера", status=SICK)
    path = fleet_in(tmp_path)
    path.write_text(
        path.read_text(encoding="utf-8").replace(SAVE.split(";", maxsplit=1)[0], "raise SystemExit('no mail')#"),
        "utf-8",
    )
    lines: list[str] = []

    assert len(Watch(path, lines.append).look()) == 1

    beat = json.loads((tmp_path / "fleet-watch" / "heartbeat.json").read_text(encoding="utf-8"))
    assert "no mail" in beat["problem"]
    assert "nobody was notified" in lines[-1]


def test_robot_that_never_starts_and_one_whose_folder_is_gone_are_noticed(tmp_path: Path) -> None:
    """They run no code that could say so."""
    robot(tmp_path / "r" / "anna", every_min=5, ran=60)
    robot(tmp_path / "r" / "вера")
    path = fleet_in(tmp_path)
    path.write_text(
        path.read_text(encoding="utf-8").replace("'r/*'", "'r/anna'\n[[robots]]\nfolder = 'r/вера'"), "utf-8"
    )
    watch = Watch(path, list[str]().append)
    watch.look()
    shutil.rmtree(tmp_path / "r" / "вера")

    sights = watch.look()

    assert [[problem.kind for problem in sight.problems] for sight in sights] == [["late"], ["unreadable"]]
    assert [[each["kind"] for each in call["began"]] for call in told(tmp_path)] == [["late"], ["unreadable"]]


def test_file_that_is_being_edited_ends_no_watch(tmp_path: Path) -> None:
    """Half a file is no fleet without robots: nothing is over because of it."""
    robot(tmp_path / "r" / "вера", status=SICK)
    path, lines = fleet_in(tmp_path), list[str]()
    watch, good = Watch(path, lines.append), path.read_text(encoding="utf-8")
    watch.look()
    path.write_text("[[robots]", encoding="utf-8")
    watch.look()
    path.write_text(good, encoding="utf-8")
    watch.look()

    assert [line.split(" ", 1)[1][:6] for line in lines] == ["began ", "cannot"]


def test_one_watcher_a_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two would notify twice; the second start ends with 5, which a schedule takes for well."""
    robot(tmp_path / "r" / "вера", status=SICK)
    path = fleet_in(tmp_path)
    looks: list[float] = []

    def rest(_: float) -> bool:
        looks.append(1)
        with pytest.raises(InstanceRunningError):
            Watch(path).once()
        return len(looks) == 2

    Watch(path, list[str]().append).run(rest)

    assert len(looks) == 2
    assert main(["fleet", "watch", str(path), "--once"]) == 1
    assert capsys.readouterr().out == ""  # it is known already


def look(known: dict[str, Known], minute: int, *kinds: str) -> Any:
    sight = Sight("вера", "/r/вера", problems=tuple(Problem(kind, f"{kind} for {minute} min") for kind in kinds))
    return changes(known, [sight], NOON.format(minute), 30)


def test_trouble_that_comes_and_goes_is_told_once_in_a_while(tmp_path: Path) -> None:
    """Each change has its line; the call has its rest; behind that it is told again."""
    calls, lines, known = 0, 0, dict[str, Known]()
    for minute in range(0, 50, 2):
        found = look(known, minute, *(["late"] if minute % 4 == 0 else []))
        known, calls, lines = dict(found.known), calls + len(found.began), lines + len(found.lines)

    assert (calls, lines) == (2, 25)


@given(st.lists(st.sets(st.sampled_from(["late", "disk", "clock", "failing"])), max_size=12))
def test_log_of_a_watch_tells_every_beginning_and_every_end(history: list[set[str]]) -> None:
    """Read back line by line it gives what was wrong at every moment."""
    known, wrong = dict[str, Known](), set[str]()
    for minute, kinds in enumerate(history):
        found = look(known, minute, *sorted(kinds))
        for line in found.lines:
            kind = next(each for each in ("late", "disk", "clock", "failing") if f": {each}" in line)
            assert (kind in wrong) is line.startswith("over")
            wrong.symmetric_difference_update({kind})
        known = dict(found.known)
        assert wrong == kinds


def test_metrics_are_what_prometheus_reads() -> None:
    """A head for each name, once, before its values; labels are quoted whatever a robot is called."""
    import re

    strange = 'a"b\\c\nd'
    sights = [Sight(strange, "/r", doing="idle", disk_free_mib=5, seen_at=ago(1)), Sight("gone", doing="absent")]

    text = text_of(sights, ago(0))

    line = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\[\\"n])*",?)+\})? -?[0-9.e+]+')
    for each in text.splitlines():
        assert each.startswith(("# HELP ", "# TYPE ")) or line.fullmatch(each), each
    assert text.count("# TYPE") == len(FIGURES) + 2
    assert 'fsm_robot_disk_free_bytes{robot="a\\"b\\\\c\\nd"' in text
    assert 'fsm_robot_running{robot="gone"' not in text
    assert 'fsm_robot_problem{robot="gone",host="",folder="",kind="absent"} 0' in text


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"a": []}', b'{"a": {"began_at": 5}}', b'{"a": {"x": 1}}', b"[" * 99_999, b"\xff"]
)
def test_memory_that_somebody_else_has_written_is_a_line_and_a_new_beginning(tmp_path: Path, content: bytes) -> None:
    """All of it is told anew; the watcher lives."""
    robot(tmp_path / "r" / "вера", status=SICK)
    lines: list[str] = []
    watch = Watch(fleet_in(tmp_path), lines.append)
    watch.folder.mkdir()
    (watch.folder / "known.json").write_bytes(content)

    watch.look()
    watch.look()

    assert [line.split(" ", 1)[1].split()[0] for line in lines] == ["what", "began"]
    assert len(told(tmp_path)) == 1
