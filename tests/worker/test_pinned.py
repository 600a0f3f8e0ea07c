"""`scripts.lock`: what differs is named, whatever was done to the folder; a bad lock is one sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fsm_robot.errors import SettingsError
from fsm_robot.worker import pinned

FILES = ("one.py", "отчёты/сводка.py", "data/rates.csv", "requirements.lock")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a lock that fits."""
    root = tmp_path / "scripts"
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    (root / ".venv").mkdir()
    (root / ".venv" / "x.py").write_text("", encoding="utf-8")
    write(root)
    return root


def write(root: Path, *without: str) -> None:
    text = pinned.lock_text(pinned.of(root, without))
    (root / pinned.NAME).write_text(text, encoding="utf-8", newline="\n")


def linked(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("making links needs a right here")
    if not path.is_symlink():
        pytest.skip("links are no links here: Wine makes none, and says that it did")


def _replaced_by_a_link(root: Path) -> None:
    shutil.copy(root / "one.py", root.parent / "same.py")
    (root / "one.py").unlink()
    linked(root / "one.py", root.parent / "same.py")


def _folder_by_a_link(root: Path) -> None:
    shutil.move(root / "отчёты", root.parent / "there")
    linked(root / "отчёты", root.parent / "there")


def _replaced_by_a_folder(root: Path) -> None:
    (root / "one.py").unlink()
    (root / "one.py").mkdir()


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "one byte": (lambda root: (root / "one.py").write_text("one.pz", encoding="utf-8"), "one.py was changed"),
    "data": (lambda root: (root / "data" / "rates.csv").write_text("", encoding="utf-8"), "data/rates.csv was changed"),
    "its own lock": (lambda root: (root / "requirements.lock").unlink(), "requirements.lock is missing"),
    "deep": (lambda root: (root / "отчёты" / "сводка.py").unlink(), "отчёты/сводка.py is missing"),
    "new": (lambda root: (root / "json.py").write_text("", encoding="utf-8"), "json.py is new"),
    "new compiled": (lambda root: (root / "json.PYC").write_bytes(b""), "json.PYC is new"),
    "new library": (lambda root: (root / "data" / "x.cpython-311-x86_64-linux-gnu.so").write_bytes(b""), ".so is new"),
    "linked elsewhere": (_replaced_by_a_link, "one.py is a link now"),
    "folder linked elsewhere": (_folder_by_a_link, "отчёты/сводка.py is missing"),
    "now a folder": (_replaced_by_a_folder, "one.py is missing"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_is_named(folder: Path, change: str) -> None:
    """Each kind of change, with the name of the file."""
    assert pinned.differences(folder) == []
    act, says = CHANGES[change]

    act(folder)

    assert any(says in text for text in pinned.differences(folder)), pinned.differences(folder)


def test_what_scripts_leave_behind_is_no_difference(folder: Path) -> None:
    """Results, what Python compiles, hidden folders, and what was left out by a pattern."""
    (folder / "result.xlsx").write_bytes(b"x")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"")
    (folder / ".venv" / "new.py").write_text("", encoding="utf-8")
    assert pinned.differences(folder) == []

    write(folder, "data/*")
    (folder / "data" / "rates.csv").write_text("другое", encoding="utf-8")
    assert pinned.differences(folder) == []


def test_link_to_a_folder_is_written_down_with_where_it_leads(folder: Path) -> None:
    """Its files are there already; what it leads to is not exchanged unseen."""
    linked(folder / "current", folder / "отчёты")
    write(folder)
    assert pinned.differences(folder) == []

    (folder / "current").unlink()
    linked(folder / "current", folder / "data")
    assert any("current/ was changed" in text for text in pinned.differences(folder))


def test_link_that_leads_out_is_not_written_down(folder: Path) -> None:
    """What is elsewhere can be changed by who may not change the scripts."""
    linked(folder / "out.py", folder.parent)
    with pytest.raises(SettingsError, match="leads out of"):
        pinned.of(folder)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "there is no such file"),
        (b"", "names no file"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"nonsense\n", ":1: is not a line"),
        (b"# x\n" + b"0" * 64 + b"  ../one.py\n", ":2: is not a line"),
        (b"0" * 64 + b"  /etc/passwd\n", ":1: is not a line"),
        (b"0" * 64 + b"  C:/x.py\n", ":1: is not a line"),
        (b"0" * 64 + b"  a.py\n" + b"1" * 64 + b"  a.py\n", ":2: names a.py again"),
        (b"#" * (17 << 20), "is larger than"),
    ],
)
def test_bad_lock_is_one_sentence(folder: Path, data: bytes | None, says: str) -> None:
    """It is what differs, and nothing is run."""
    (folder / pinned.NAME).unlink()
    if data is not None:
        (folder / pinned.NAME).write_bytes(data)

    (found,) = pinned.differences(folder)

    assert says in found
    assert "scripts.lock" in found
    assert "\n" not in found


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("sha256sum") is None, reason="there is no sha256sum")
@pytest.mark.parametrize("name", ["конец ", " начало", "\u00a0", "a  b", "#", "#  "])
def test_name_with_blanks_is_the_same_when_it_is_read(folder: Path, name: str) -> None:
    """A lock that was just written has no difference."""
    (folder / name).write_text("x", encoding="utf-8")
    try:
        (folder / pinned.NAME).write_text(pinned.lock_text(pinned.of(folder)), encoding="utf-8")
    except SettingsError as error:
        assert "cannot be written into a line" in str(error)
        return

    assert pinned.differences(folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sha256sum")
def test_form_is_that_of_sha256sum(folder: Path) -> None:
    """Who has no robot checks it all the same."""
    done = subprocess.run(["sha256sum", "-c", "--strict", pinned.NAME], cwd=folder, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
