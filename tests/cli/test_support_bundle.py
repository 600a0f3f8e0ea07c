from __future__ import annotations

import json
import os
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.fakes.journals import JournalMaker, done

GUID = str(uuid.uuid4())
OTHER_GUID = str(uuid.uuid4())
MINE, IN_PROXY, IN_TABLE = "Мой-ключ-от-банка", "proxy-Passw0rd", "глубокий-ключ"
KNOWN = (GUID, OTHER_GUID, MINE, IN_PROXY, IN_TABLE)
LOOKS_SO = "Zq7Rk2Lm9Zx4Tv8Bn3Wp6Yc1Df5Gh0Js"
SENTINELS = (*KNOWN, LOOKS_SO, "пароль-скрипта-77")
TOML = f"""
# the old one was {OTHER_GUID}
[orchestrator]
url = "http://127.0.0.1:9"
robot_guid = "{GUID}"
[session]
log_off_command = ["leave", "--password={LOOKS_SO}"]
[my]
key = "{MINE}"
table = {{deep = ["{IN_TABLE}"]}}
[[limits]]
script = "*"
time_limit_s = 60
"""


def planted(folder: Path, *, toml: str = TOML) -> Path:
    """A robot's folder in which every file, wherever it lies, holds every secret in every form that comes to mind."""
    state = folder / "state"
    (folder / "robot.toml").write_text(toml, encoding="utf-8")
    spoiled = (
        " ".join((*KNOWN, LOOKS_SO, GUID.upper(), GUID.replace("-", ""), json.dumps(MINE)))
        + " password=пароль-скрипта-77"
    )
    now = datetime.now(UTC)
    lines = [f"{(now - timedelta(hours=age)).isoformat()} ERROR 1 {age} h ago: {spoiled}" for age in (100, 30, 2)]
    files = {
        "robot.log": "\n".join([*lines, f"  File x, {spoiled}", ""]),
        "robot.20261120T101010.log": lines[0] + "\n",
        "paused.json": spoiled,
        "robot.lock": spoiled,
        "jobs/ledger.jsonl": spoiled,
        f"jobs/{uuid.uuid4()}/output.log": spoiled,
        f"jobs/{uuid.uuid4()}/job.json": spoiled,
        "lines/x": spoiled,
        "journal/x.jsonl": json.dumps({"kind": "step", "data": {"text": spoiled}}) + "\n",
    }
    JournalMaker().write(
        state / "journal" / "000001-20261123T100000Z.jsonl", ["nothing_left", *done(1), ("no_job", {"text": spoiled})]
    )
    for name, text in files.items():
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    old = state / "journal" / "000000-20261120T100000Z.jsonl"
    old.write_text("old\n")
    os.utime(old, (now.timestamp() - 30 * 3600,) * 2)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "x.py").write_text(f"# {spoiled}", encoding="utf-8")
    return folder


def bundle_of(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


@pytest.fixture
def quiet_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://anna:{IN_PROXY}@127.0.0.1:9")


@pytest.mark.usefixtures("quiet_network")
def test_bundle_holds_what_helps_and_no_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each file of the folder is full of secrets; none of them is in the file, in its names, or on the terminal."""
    folder, output = planted(tmp_path), tmp_path / "out.zip"

    assert main(["support-bundle", str(folder), "-o", str(output)]) == 0

    printed = capfd.readouterr().out
    found = bundle_of(output)
    whole = "\n".join([printed, *found, *found.values()]).lower()
    assert [secret for secret in (*SENTINELS, GUID.replace("-", "")) if secret.lower() in whole] == []
    assert printed.index("journal/000001") < printed.index("wrote ")
    assert all(name in printed for name in found if name != "CONTENTS.txt")
    assert {"settings.json", "doctor.json", "versions.json", "processes.txt", "logs/robot.log"} <= set(found)
    assert "journal/000000-20261120T100000Z.jsonl" not in found
    log = found["logs/robot.log"]
    assert ("2 h ago" in log, "File x" in log, "30 h ago" in log) == (True, True, False)
    settings = json.loads(found["settings.json"])
    assert settings["orchestrator"]["robot_guid"] == "(given)"
    assert settings["limits"][0]["time_limit_s"] == 60
    assert settings["my"] == {"key": "(not shown)", "table": "(not shown)"}
    assert any(each["name"] == "storage" for each in json.loads(found["doctor.json"]))
    assert str(os.getpid()) in found["processes.txt"]
    assert "looked like a secret" in printed
    if os.name != "nt":
        assert output.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("quiet_network")
def test_bundle_of_a_robot_whose_settings_are_wrong_is_as_discreet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who needs help most has a robot.toml that cannot be read."""
    folder, output = planted(tmp_path, toml=TOML + "\n[wrong"), tmp_path / "out.zip"

    assert main(["support-bundle", str(folder), "-o", str(output), "--hours", "200"]) == 0

    found = bundle_of(output)
    whole = "\n".join([capfd.readouterr().out, *found.values()]).lower()
    assert [secret for secret in (GUID, OTHER_GUID, LOOKS_SO, IN_PROXY) if secret.lower() in whole] == []
    assert "is not valid TOML" in found["settings.json"]
    assert "30 h ago" in found["logs/robot.log"]


def test_bundle_writes_over_nothing_and_list_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one sentence."""
    (tmp_path / "robot.toml").write_text("", encoding="utf-8")
    output = tmp_path / "there.zip"
    output.write_text("mine")

    assert main(["support-bundle", str(tmp_path), "-o", str(output)]) == 2
    assert "is already there; nothing was written" in capfd.readouterr().err
    assert output.read_text() == "mine"
    assert main(["support-bundle", str(tmp_path), "--list"]) == 0
    assert main(["support-bundle", str(tmp_path), "--hours", "nan"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["robot.toml", "there.zip"]
