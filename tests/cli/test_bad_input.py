"""Every command x every kind of bad input: one sentence, the documented exit code, no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from fsm_robot.cli import COMMANDS, main
from fsm_robot.robot.machine import built_in
from tests.fakes.journals import JournalMaker, done

GUID = "01234567-89ab-cdef-0123-456789abcdef"
DIGITS = "9" * 400
NEVER = "Traceback", "internal error", "0x7f"


@attrs.frozen
class Place:
    """A folder with one of everything that is wrong, and one of what is right."""

    path: Path

    def make(self) -> Place:
        (self.path / "scripts").mkdir()
        (self.path / "folder").mkdir()
        (self.path / "robot.toml").write_text(
            f'[orchestrator]\nurl = "http://127.0.0.1:9"\nrobot_guid = "{GUID}"\n', encoding="utf-8"
        )
        (self.path / "empty").touch()
        (self.path / "text").write_text("no more than a text\n", encoding="utf-8")
        (self.path / "latin").write_bytes("наклейка".encode("cp1251") + b"\xff\xfe\x98")
        (self.path / "utf16").write_text("[orchestrator]\n", encoding="utf-16")
        (self.path / "nul").write_bytes(b"\0" * 100)
        (self.path / "digits").write_text(f"[heartbeat]\ninterval_s = {DIGITS}\n", encoding="utf-8")
        (self.path / "more_digits").write_text(f"[heartbeat]\ninterval_s = {DIGITS * 20}\n", encoding="utf-8")
        (self.path / "deep").write_text("[" * 20000, encoding="utf-8")
        JournalMaker().write(
            self.path / "state" / "journal" / "000001-20261123T100000Z.jsonl",
            ["nothing_left", *done(), "no_job"],
        )
        if sys.platform != "win32":
            (self.path / "loop").symlink_to("loop")
            (self.path / b"caf\xe9".decode(errors="surrogateescape")).write_text(
                "no more than a text\n", encoding="utf-8"
            )
            (self.path / "closed").write_text("secret", encoding="utf-8")
            (self.path / "closed").chmod(0)
            (self.path / "sealed").mkdir()
            (self.path / "sealed" / "robot.toml").touch()
            (self.path / "sealed").chmod(0)
        return self


NAMES = {
    "missing": "missing",
    "below a missing folder": "missing/missing",
    "too long": "x" * 300,
    "folder": "folder",
    "below a file": "text/below",
    "empty file": "empty",
    "text": "text",
    "other code page": "latin",
    "UTF-16": "utf16",
    "NUL": "nul",
    "400 digits": "digits",
    "8000 digits": "more_digits",
    "nested": "deep",
    "empty name": "",
    "line break": "a\nb",
    "escape": "\x1b]0;mine\x07",
}
pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="names as POSIX has them; what `schedule show` writes under Windows cannot be captured"
)
POSIX_NAMES = {
    "link to itself": "loop",
    "name that is not UTF-8": b"caf\xe9".decode(errors="surrogateescape"),
    "missing name that is not UTF-8": b"\xff\xfe".decode(errors="surrogateescape"),
    "closed file": "closed",
    "sealed folder": "sealed",
    "below a sealed folder": "sealed/robot.toml",
}
FORBIDDEN = ("closed file", "sealed folder", "below a sealed folder")
NUMBERS = ["0", "-1", DIGITS, f"-{DIGITS}", DIGITS * 20, "1e9", "", "½", "nan"]
STATES = str(built_in())
EMPTY_SCRIPT = str(Path(__file__).with_name("__init__.py"))
BY_NAME = [
    ["run", "--quiet", "--config", "{}"],
    ["check", "{}"],
    ["check", "--json", "{}"],
    ["check", "--config", "{}"],
    ["doctor", "--config", "{}"],
    ["doctor", "{}"],
    ["env", "sync", "--config", "{}"],
    ["env", "list", "--config", "{}"],
    ["scripts", "lock", "--config", "{}"],
    ["scripts", "lock", "--except", "{}"],
    ["scripts", "diff", "--config", "{}"],
    ["sdk", "sample", "{}"],
    ["schedule", "show", "--config", "{}"],
    ["schedule", "check", "--config", "{}"],
    ["schedule", "show", "--name", "{}"],
    ["support-bundle", "{}", "--list"],
    ["guid", "replace", "{}"],
    ["guid", "{}"],
    ["pause", "{}"],
    ["pause", "--until", "{}"],
    ["pause", "--config", "{}"],
    ["resume", "{}"],
    ["resume", "--config", "{}"],
    ["post", "{}"],
    ["post", "approved", "{}"],
    ["post", "approved", "--data", "{}"],
    ["post", "approved", "--config", "{}"],
    ["versions", "show", "--place", "{}"],
    ["versions", "add", "{}", "--place", "place"],
    ["versions", "use", "{}", "--place", "{}"],
    ["versions", "upgrade", "text", "--place", "{}"],
    ["versions", "back", "--place", "{}"],
    ["fleet", "upgrade", "{}"],
    ["fleet", "upgrade", "text", "--file", "{}"],
    ["fleet", "watch", "{}"],
    ["fleet", "apply", "--file", "{}"],
    ["dashboard", "{}"],
    ["status", "--fleet", "{}"],
    ["history", "--fleet", "{}"],
    ["doctor", "--fleet", "{}"],
    ["status", "{}"],
    ["status", "--json", "{}"],
    ["status", "--config", "{}"],
    ["history", "{}"],
    ["history", "--config", "{}"],
    ["logs", "{}"],
    ["logs", "--folder", "{}"],
    ["logs", "--config", "{}"],
    ["diagram", "{}"],
    ["diagram", "--runs", "{}", "--format", "svg"],
    ["diagram", "--diff", "{}", STATES],
    ["diagram", "--from", "{}"],
    ["diagram", "--keep-positions", "{}", "--format", "bpmn"],
    ["diagram", "--lang", "{}"],
    ["diagram", "--format", "{}"],
    ["diagram", "-o", "{}"],
    ["export", "{}", "--format", "xes"],
    ["export", "state", "--format", "csv", "-o", "{}"],
    ["export", "state", "--format", "parquet", "-o", "{}"],
    ["replay", "{}"],
    ["replay", "--json", "{}"],
    ["replay", "state", "--machine", "{}"],
    ["replay", "state", "--junit", "{}"],
    ["conformance", "{}"],
    ["conformance", "state", "--machine", "{}"],
    ["simulate", "--scenario", "{}"],
    ["simulate", "--jobs", "1", "--machine", "{}"],
    ["simulate", "--jobs", "1", "--faults", "{}"],
    ["init", "{}", "--url", "http://127.0.0.1:4500", "--robot-guid", GUID],
    ["init", "new", "--url", "{}", "--robot-guid", GUID],
    ["init", "new", "--url", "http://127.0.0.1:4500", "--robot-guid", "{}"],
    ["init", "new", "--url", "http://127.0.0.1:4500", "--robot-guid-file", "{}"],
    ["init", "new", "--from-settings", "{}"],
    ["init", "new", "--url", "http://127.0.0.1:4500", "--robot-guid", GUID, "--scripts", "{}"],
    ["demo", "--folder", "{}/below"],
    ["try", "{}"],
    ["try", EMPTY_SCRIPT, "--data", "{}"],
    ["try", EMPTY_SCRIPT, "--task", "{}"],
    ["try", EMPTY_SCRIPT, "--task", "@{}"],
    ["try", EMPTY_SCRIPT, "--python", "{}"],
    ["try", EMPTY_SCRIPT, "--config", "{}"],
    *(["orchestrator", action, *more, "--db", "{}"] for action, more in (("jobs", []), ("robots", ["--json"]), ("enqueue", ["x"]), ("stop", ["last"]), ("fault", []), ("forget", ["robot"]))),
    ["orchestrator", "serve", "--port", "0", "--db", "{}/below", "--host", "256.256.256.256"],
    ["orchestrator", "serve", "--port", "0", "--host", "{}.invalid"],
    ["orchestrator", "serve", "--port", "0", "--fault", "{}"],
    ["orchestrator", "enqueue", "{}"],
    ["orchestrator", "enqueue", "x", "--task", "{}"],
    ["orchestrator", "enqueue", "x", "--task", "@{}"],
    ["orchestrator", "enqueue", "x", "--name", "{}"],
    ["orchestrator", "enqueue", "x", "--robot", "@{}"],
    ["orchestrator", "enqueue", "x", "--robot", "{}"],
    ["orchestrator", "stop", "{}"],
    ["orchestrator", "pause", "{}"],
    ["orchestrator", "remember", "@{}"],
    ["orchestrator", "fault", "{}"],
    ["{}"],
]  # fmt: skip
BY_NUMBER = [
    ["history", "--limit", "{}"],
    ["replay", "state", "--until", "{}"],
    ["simulate", "--jobs", "{}", "--faults", "nothing"],
    ["simulate", "--jobs", "1", "--seed", "{}"],
    ["schedule", "show", "--every", "{}"],
    ["orchestrator", "serve", "--port", "{}", "--host", "256.256.256.256"],
    ["orchestrator", "serve", "--port", "0", "--seed", "{}", "--host", "256.256.256.256"],
    ["orchestrator", "enqueue", "x", "--times", "{}x"],
    ["orchestrator", "enqueue", "x", "--priority", "{}"],
    ["orchestrator", "enqueue", "x", "--task", '{{"number": {}}}'],
    ["orchestrator", "fault", "beat:status:{}"],
    ["orchestrator", "fault", "beat:delay:{}*{}"],
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Place(tmp_path).make()


@contextmanager
def unprivileged(path: Path) -> Iterator[None]:
    """Be an account that permissions bind, and say so if they do not."""
    if sys.platform == "win32" or os.getuid() != 0:
        yield
        return
    for folder in (path, *path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    for made in path.rglob("*"):
        os.chown(made, 65534, 65534, follow_symlinks=False)
    os.chown(path, 65534, 65534)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            (path / "closed").read_bytes()
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def judged(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a command in this process and return what is wrong with its answer."""
    shown = [argument[:60] for argument in arguments]
    try:
        exit_code = main(arguments)
    except BaseException as error:  # noqa: BLE001 - that nothing leaves `main` is the promise
        return [f"{shown}: {type(error).__name__}: {error} left the program"]
    out, err = capsys.readouterr()
    wrong = [f"{shown}: {word} in {(out + err)[-300:]!r}" for word in NEVER if word in out + err]
    if "[Errno" in err:
        wrong.append(f"{shown}: the number of an error in {err!r}")
    if exit_code not in range(7):
        wrong.append(f"{shown}: exit code {exit_code}")
    if exit_code and not (out + err).strip():
        wrong.append(f"{shown}: exit code {exit_code} and no word")
    if exit_code == 2 and "usage: " not in err and not out and not 1 <= len(err.splitlines()) <= 3:
        wrong.append(f"{shown}: {len(err.splitlines())} lines: {err!r}")
    if "usage: " not in err and any(len(line) > 1500 for line in err.splitlines()):
        wrong.append(f"{shown}: a line of {max(map(len, err.splitlines()))} characters")
    return wrong


@pytest.mark.parametrize("name", [*NAMES, *([] if sys.platform == "win32" else POSIX_NAMES)])
@pytest.mark.parametrize("share", [pytest.param(1, id="all", marks=pytest.mark.long), pytest.param(3, id="a third")])
def test_every_command_answers_a_bad_name_with_a_sentence(
    place: Place, name: str, share: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands where a file, a folder or a word should be. A third: each name at another third of the commands."""
    bad = {**NAMES, **POSIX_NAMES}[name]
    commands = BY_NAME[list({**NAMES, **POSIX_NAMES}).index(name) % share :: share]

    wrong = [text for words in commands for text in judged([word.format(bad) for word in words], capsys)]
    if name in FORBIDDEN:
        # Root was asked before, who may: so what the commands import is loaded, for the other account may not read it.
        with unprivileged(place.path):
            wrong += [text for words in commands for text in judged([word.format(bad) for word in words], capsys)]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:10] or "empty")
def test_every_command_answers_a_bad_number_with_a_sentence(
    place: Place, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too large, too small, not one at all."""
    wrong = [text for words in BY_NUMBER for text in judged([word.format(number, number) for word in words], capsys)]

    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not delete a current folder")
def test_every_command_says_when_the_current_folder_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be deleted under a shell."""
    gone = place.path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    wrong = [text for words in BY_NAME for text in judged([word.format("robot.toml") for word in words], capsys)]

    assert not wrong, "\n".join(wrong)


def test_every_command_is_in_the_matrix() -> None:
    """A new command is asked the same questions."""
    assert set(COMMANDS) == {words[0] for words in BY_NAME if words[0] != "{}"}
