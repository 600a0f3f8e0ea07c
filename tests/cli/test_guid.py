from __future__ import annotations

import io
import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.orchestrator.faults import Fault
from fsm_robot.robot import kept_secret
from fsm_robot.robot.settings import load
from tests.fakes.robot_folder import RobotFolder, until

OLD, NEW = "0123abcd-89ab-cdef-0123-456789abcdef", "fedcba98-7654-3210-fedc-ba9876543210"
WAITS = """\
import pathlib, time
pathlib.Path('started').touch()
while not pathlib.Path('go_on').exists(): time.sleep(0.02)
"""


def replaced(monkeypatch: pytest.MonkeyPatch, folder: Path, word: str = NEW) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(word + "\n"))
    return main(["guid", "replace", str(folder)])


@pytest.mark.parametrize(
    "line",
    ['robot_guid = "{}"  # the password', "robot_guid='{{{}}}'", '  "robot_guid"   =   "{}"'],
)
def test_new_guid_takes_the_place_of_the_old_one_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    """Comments, order, line ends and rights stay; neither GUID is printed."""
    before = f"# Настройки\r\n[orchestrator]\r\nurl = 'http://127.0.0.1:9'\r\n{line.format(OLD)}\r\n[logging]\r\n"
    config = tmp_path / "robot.toml"
    config.write_bytes(before.encode())
    config.chmod(0o640)

    assert replaced(monkeypatch, tmp_path) == 0

    assert load(config, {}).orchestrator.robot_guid == NEW
    assert config.read_bytes().decode().replace(NEW, "") == before.replace(f"{{{OLD}}}", "").replace(OLD, "")
    if os.name != "nt":
        assert config.stat().st_mode & 0o777 == 0o640
    said = "".join(capfd.readouterr())
    assert (OLD in said, NEW in said, "the next run takes it" in said) == (False, False, True)
    assert [path.name for path in tmp_path.iterdir()] == ["robot.toml"]


def test_new_guid_goes_into_the_file_that_holds_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """robot.toml, which only tells where it is, stays as it is."""
    config = tmp_path / "robot.toml"
    config.write_text("[orchestrator]\nurl = 'http://127.0.0.1:9'\nrobot_guid_file = 'guid'\n", encoding="utf-8")
    (tmp_path / "guid").write_text(OLD)

    assert replaced(monkeypatch, tmp_path) == 0

    assert load(config, {}).orchestrator.robot_guid == NEW


@pytest.mark.parametrize(
    ("text", "word", "says"),
    [
        (f"[orchestrator]\nrobot_guid = '{OLD}'\n", "secret-with-a-slip", "is not a GUID"),
        (f"[orchestrator]\nrobot_guid = '{OLD}'\n", "", "is not a GUID"),
        (f"[orchestrator]\nrobot_guid = '{OLD}'\n", OLD.upper(), "has already"),
        ("[orchestrator]\n", NEW, "holds no robot_guid"),
        (f"[orchestrator]\nrobot_guid = '''{OLD}'''\n", NEW, "that only a person can change"),
    ],
)
def test_what_cannot_be_replaced_stays_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    text: str,
    word: str,
    says: str,
) -> None:
    """One sentence, exit code 2, and what was typed is not repeated."""
    (tmp_path / "robot.toml").write_text(text, encoding="utf-8")

    assert replaced(monkeypatch, tmp_path, word) == 2

    said = capfd.readouterr().err
    assert says in said
    assert not word or word not in said
    assert (tmp_path / "robot.toml").read_text("utf-8") == text


def test_guid_of_the_environment_is_changed_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The robot that this shell would start has it from there."""
    (tmp_path / "robot.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID", OLD)
    monkeypatch.setattr(sys, "stdin", io.StringIO(NEW))

    assert main(["guid", "replace", "--config", str(tmp_path / "robot.toml")]) == 2
    assert "change it where that is set" in capfd.readouterr().err


def known_as(folder: RobotFolder, guid: str) -> None:
    """Let the orchestrator know its only robot by another GUID, as its administrator would."""
    table = folder.store.credentials
    (robot,) = table.all()
    table.file.update("robots", robot.row_id, {"digest": table.file.digest(guid)})


@pytest.mark.parametrize(
    ("fault", "replaces", "status"),
    [
        ("report:status:401*1", True, 4),
        ("report:status:401*1", False, 8),
        ("announce:code:101*1", True, 4),
        ("announce:code:101*1", False, 4),
    ],
)
def test_robot_that_works_goes_on_with_the_new_guid_once_the_old_one_is_turned_away(
    robot_folder: RobotFolder, monkeypatch: pytest.MonkeyPatch, fault: str, replaces: bool, status: int
) -> None:
    """Without another one in its settings it ends with 3, as ever, and keeps a result that was not taken."""
    new = str(uuid.uuid4())
    robot_folder.settings(heartbeat={"interval_s": 10})
    robot_folder.store.enqueue(robot_folder.script("long", WAITS))
    process = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)

    if replaces:
        assert replaced(monkeypatch, robot_folder.path, new) == 0
        if "401" in fault:  # else the orchestrator takes the new GUID for one more robot, which has no job
            known_as(robot_folder, new)
    robot_folder.store.order_fault(Fault.parse(fault))
    (robot_folder.path / "scripts" / "go_on").touch()
    done = robot_folder.finish(process)

    assert done.exit_code == (0 if replaces else 3), done.err
    assert robot_folder.statuses() == {"long": status}
    written = "".join(
        path.read_text("utf-8", "replace")
        for path in (robot_folder.path / "state").rglob("*")
        if path.suffix in (".log", ".jsonl")
    )
    assert [guid for guid in (new, robot_folder.guid) if guid in written + done.out + done.err] == []
    assert ("which was replaced meanwhile" in written) == replaces


def test_doctor_says_who_else_can_read_the_guid(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that others can read is a warning, with what to do."""
    if sys.platform == "win32":
        pytest.skip("access lists: test_protected_guid_is_read_by_this_account_only")
    config = tmp_path / "robot.toml"
    config.write_text(f"[orchestrator]\nurl = 'http://127.0.0.1:9'\nrobot_guid = '{OLD}'\n", encoding="utf-8")
    found = []
    for mode in (0o600, 0o640, 0o644):
        config.chmod(mode)
        main(["doctor", str(tmp_path), "--json"])
        found += [each for each in json.loads(capfd.readouterr().out) if each["name"] == "guid"]

    assert [each["verdict"] for each in found] == ["ok", "warning", "warning"]
    assert "every account of this machine" in found[2]["said"]


def test_file_that_windows_protects_is_refused_elsewhere_in_a_sentence(tmp_path: Path) -> None:
    """A folder that was copied from a Windows machine."""
    if sys.platform == "win32":
        pytest.skip("here it is opened: test_protected_guid_is_read_by_this_account_only")
    from fsm_robot.errors import SettingsError

    (tmp_path / "guid").write_text(f"{kept_secret.PROTECTED}AAAA\n")
    (tmp_path / "robot.toml").write_text("[orchestrator]\nurl = 'http://h'\nrobot_guid_file = 'guid'\n")

    with pytest.raises(SettingsError, match=r"is protected by Windows \(DPAPI\)"):
        load(tmp_path / "robot.toml", {})


def test_protected_guid_is_read_by_this_account_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`init` protects it, nothing of it stands in a file, `guid replace` protects the new one, `doctor` says so."""
    if sys.platform != "win32":
        pytest.skip("only Windows has DPAPI")
    assert main(["init", str(tmp_path), "--url", "http://127.0.0.1:9", "--robot-guid", OLD]) == 0

    kept = (tmp_path / "robot.guid").read_text("ascii")
    assert kept.startswith(kept_secret.PROTECTED)
    assert OLD not in kept + (tmp_path / "robot.toml").read_text("utf-8")
    assert load(tmp_path / "robot.toml", {}).orchestrator.robot_guid == OLD
    assert replaced(monkeypatch, tmp_path) == 0
    assert load(tmp_path / "robot.toml", {}).orchestrator.robot_guid == NEW
    assert (tmp_path / "robot.guid").read_text("ascii").startswith(kept_secret.PROTECTED)
    capfd.readouterr()
    main(["doctor", str(tmp_path), "--json"])
    (found,) = [each for each in json.loads(capfd.readouterr().out) if each["name"] == "guid"]
    assert (found["verdict"], "protected by DPAPI" in found["said"]) == ("ok", True)
    assert kept_secret.other_readers(tmp_path / "robot.guid") == ""


@pytest.fixture
def keyring_of_account(tmp_path: Path) -> Iterator[Path]:
    """A keyring of its own kind behind the real library: a file, which is locked while `locked` lies beside it."""
    library = pytest.importorskip("keyring", reason="the extra keyring is not installed")
    from keyring.backend import KeyringBackend
    from keyring.errors import KeyringLocked

    kept = tmp_path / "keyring.json"

    class OnDisk(KeyringBackend):
        priority = 1

        def _all(self) -> dict[str, str]:
            if kept.with_name("locked").exists():
                raise KeyringLocked("nobody has opened it")
            return json.loads(kept.read_text("utf-8")) if kept.exists() else {}

        def get_password(self, service: str, username: str) -> str | None:
            return self._all().get(f"{service}/{username}")

        def set_password(self, service: str, username: str, password: str) -> None:
            kept.write_text(json.dumps({**self._all(), f"{service}/{username}": password}), "utf-8")

    before = library.get_keyring()
    library.set_keyring(OnDisk())
    yield kept
    library.set_keyring(before)


def test_guid_in_the_keyring_is_read_replaced_and_never_in_a_file(
    tmp_path: Path, keyring_of_account: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One that is locked, or has lost its entry, is a sentence; doctor says who can read it."""
    folder = tmp_path / "robot"
    asked = ["init", str(folder), "--url", "http://127.0.0.1:9", "--robot-guid", OLD, "--keyring"]
    locked = tmp_path / "locked"
    locked.touch()
    assert main(asked) == 2
    assert "--keyring: the keyring cannot be used: nobody has opened it; nothing was written" in capfd.readouterr().err
    assert not folder.exists()
    locked.unlink()

    assert main(asked) == 0
    assert load(folder / "robot.toml", {}).orchestrator.robot_guid == OLD
    assert replaced(monkeypatch, folder) == 0
    assert load(folder / "robot.toml", {}).orchestrator.robot_guid == NEW

    written = "".join(path.read_text("utf-8") for path in folder.rglob("*") if path.is_file())
    assert (OLD in written, NEW in written) == (False, False)
    assert list(json.loads(keyring_of_account.read_text("utf-8")).values()) == [NEW]
    capfd.readouterr()
    main(["doctor", str(folder), "--json"])
    (found,) = [each for each in json.loads(capfd.readouterr().out) if each["name"] == "guid"]
    assert (found["verdict"], "kept by the keyring of this account" in found["said"]) == ("ok", True)
    locked.touch()
    assert main(["run", "--config", str(folder / "robot.toml")]) == 2
    assert "nobody has opened it" in capfd.readouterr().err
    locked.unlink()
    keyring_of_account.unlink()
    assert main(["run", "--config", str(folder / "robot.toml")]) == 2
    assert "has no entry fsm_robot" in capfd.readouterr().err
