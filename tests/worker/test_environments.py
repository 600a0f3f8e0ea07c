"""Which Python runs a script, on real virtual environments; what is built comes from wheels in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.errors import ScriptNotStartedError
from fsm_robot.worker.building import Builder
from fsm_robot.worker.environments import Environments, requirements
from tests.fakes.wheels import BUILDS, lock_text, wheel

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


def made(folder: Path) -> str:
    """Make an environment and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return system.environment_python(str(folder))


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder of scripts: `one.py`, and `отчёты/сводка.py` below it."""
    folder = tmp_path / "scripts"
    (folder / "отчёты").mkdir(parents=True)
    (folder / "one.py").write_text("", encoding="utf-8")
    (folder / "отчёты" / "сводка.py").write_text("", encoding="utf-8")
    return folder


def environments(scripts: Path, **changes: Any) -> Environments:
    values: dict[str, Any] = {"scripts": scripts, "python": sys.executable, "how": "found"}
    return Environments(**{**values, "built": scripts.parent / "state" / "envs", "build_s": 600.0, **changes})


def builder(kept: Environments, within_s: float = 300.0, **more: Any) -> Builder:
    return Builder(kept, within_s, more.pop("tell", print), **more)


# ---- found


def test_environment_beside_the_script_wins_over_one_above_it(scripts: Path) -> None:
    """The nearest one; nothing above the folder of scripts counts."""
    above, inner = made(scripts / ".venv"), made(scripts / "отчёты" / ".venv")
    made(scripts.parent / ".venv")
    found = environments(scripts)

    assert found.of(scripts / "one.py").python == above
    assert found.of(scripts / "отчёты" / "сводка.py").python == inner
    (scripts / "отчёты" / "__main__.py").write_text("", encoding="utf-8")
    assert found.of(scripts / "отчёты").python == inner


def test_nothing_above_the_scripts_folder_is_found(scripts: Path) -> None:
    """A robot may stand in the folder of a project that has an environment of its own."""
    made(scripts.parent / ".venv")

    assert environments(scripts).of(scripts / "one.py").python == sys.executable
    assert environments(scripts, how="off").of(scripts / "one.py").python == sys.executable


@pytest.mark.parametrize("broken", ["file", "empty", "no python", "no config", "dangling"])
def test_broken_environment_is_never_passed_over(scripts: Path, broken: str) -> None:
    """To run a script with another Python than the one that was meant is worse than not at all."""
    folder = scripts / ".venv"
    if broken == "file":
        folder.write_text("", encoding="utf-8")
    elif broken == "dangling":
        if sys.platform == "win32":
            pytest.skip("making links needs a right here")
        folder.symlink_to(scripts / "nowhere")
    else:
        folder.mkdir()
        if broken == "no python":
            (folder / "pyvenv.cfg").write_text("", encoding="utf-8")
        if broken == "no config":
            made(folder)
            (folder / "pyvenv.cfg").unlink()

    with pytest.raises(ScriptNotStartedError, match=r"make it anew or delete it"):
        environments(scripts).of(scripts / "one.py")


def test_environment_that_is_off_is_not_looked_at(scripts: Path) -> None:
    """Not even a broken one."""
    (scripts / ".venv").mkdir()

    assert environments(scripts, how="off").of(scripts / "one.py").python == sys.executable


# ---- built


@pytest.mark.long
@BUILDS
def test_environment_is_built_from_its_lock_once(scripts: Path, tmp_path: Path) -> None:
    """Scripts with the same lock share it, programs of it know where they are, and another lock is another one."""
    (scripts / "requirements.lock").write_text(lock_text(wheel(tmp_path / "wheels", "pinned_one")), encoding="utf-8")
    kept = environments(scripts, how="built")
    before = kept.of(scripts / "one.py")
    assert (before.python, before.lock is not None) == ("", True)
    assert before.lock is not None

    python = builder(kept).build(before.lock)

    after = kept.of(scripts / "отчёты" / "сводка.py")
    assert after.python == python
    code = "import pinned_one, pip, sys; print(pinned_one.WORD, sys.prefix)"
    said = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "here"
    assert os.path.samefile(said[1], Path(python).parents[1])
    lines: list[str] = []
    assert builder(kept, tell=lines.append).build(before.lock) == python
    assert lines == []

    (scripts / "requirements.lock").write_text(lock_text(wheel(tmp_path / "wheels", "pinned_two")), encoding="utf-8")
    assert kept.of(scripts / "one.py").python == ""


def test_lock_of_the_script_itself_comes_first(scripts: Path, tmp_path: Path) -> None:
    """Before that of its folder, and that before a file of requirements."""
    one = wheel(tmp_path / "wheels", "pinned_one")
    for name in ("one.py.lock", "requirements.lock", "requirements.txt"):
        (scripts / name).write_text(lock_text(one) + f"# {name}\n", encoding="utf-8")
    kept = environments(scripts, how="built")

    def named(script: str) -> str:
        lock = kept.of(scripts / script).lock
        return "" if lock is None else lock.path.name

    assert (named("one.py"), named("отчёты/сводка.py")) == ("one.py.lock", "requirements.lock")
    (scripts / "requirements.lock").unlink()
    assert named("отчёты/сводка.py") == "requirements.txt"
    (scripts / "отчёты" / "requirements.lock").write_text(lock_text(one), encoding="utf-8")
    assert named("отчёты/сводка.py") == "requirements.lock"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pinned_one==1.0\n", "without --hash"),
        ("pinned_one==1.0 --hash=sha256:00\nother==2 # --hash=sha256:00\n", "without --hash"),
        ("-r more.txt\n", ":1: names another file"),
        ("\n--constraint more.txt\n", ":2: names another file"),
    ],
)
def test_lock_that_pins_nothing_is_refused(scripts: Path, text: str, says: str) -> None:
    """Before anything is downloaded."""
    (scripts / "requirements.txt").write_text(text, encoding="utf-8")

    with pytest.raises(ScriptNotStartedError) as raised:
        environments(scripts, how="built").of(scripts / "one.py")

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"#" * (9 << 20), None], ids=["no text", "huge", "folder"])
def test_lock_that_cannot_be_read_is_one_sentence(scripts: Path, data: bytes | None) -> None:
    """Whatever lies there."""
    if data is None:
        (scripts / "requirements.lock").mkdir()
        assert environments(scripts, how="built").of(scripts / "one.py").lock is None
        return
    (scripts / "requirements.lock").write_bytes(data)
    with pytest.raises(ScriptNotStartedError, match=r"requirements.lock: "):
        environments(scripts, how="built").of(scripts / "one.py")


def test_script_that_lists_what_it_needs_wants_a_lock(scripts: Path) -> None:
    """The sentence has the command; without `built` the block is the comment that Python sees."""
    (scripts / "one.py").write_text('# /// script\n# dependencies = ["x"]\n# ///\n', encoding="utf-8")

    with pytest.raises(ScriptNotStartedError, match=r"uv lock --script one.py"):
        environments(scripts, how="built").of(scripts / "one.py")
    assert environments(scripts).of(scripts / "one.py").python == sys.executable


@pytest.mark.long
@BUILDS
def test_lock_of_uv_needs_uv(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no list that pip could read; the sentence has both ways out."""
    (scripts / "one.py.lock").write_text('version = 1\nrequires-python = ">=3.11"\n', encoding="utf-8")
    monkeypatch.setattr("shutil.which", lambda _: None)
    kept = environments(scripts, how="built")
    lock = kept.of(scripts / "one.py").lock
    assert lock is not None
    assert lock.script == str(scripts / "one.py")

    with pytest.raises(ScriptNotStartedError, match=r"there is no uv on PATH: .*requirements\.lock"):
        builder(kept).build(lock)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index of packages with `pinned_one`, which uv and pip ask; yield its address."""
    path = wheel(tmp_path / "index" / "files", "pinned_one")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    page = tmp_path / "index" / "simple" / "pinned-one" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="/files/{path.name}#sha256={digest}">{path.name}</a>', encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/simple"
        for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
            monkeypatch.setenv(name, url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield url
        server.shutdown()
        thread.join()


@pytest.mark.long
@BUILDS
def test_lock_that_uv_has_written_is_built(scripts: Path, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real uv and pip, from the hashes that uv has locked."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"])
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv on PATH; pip install uv brings it")
    block = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["pinned_one"]\n# ///\n'
    (scripts / "one.py").write_text(f"{block}import pinned_one\nprint(pinned_one.WORD)\n", encoding="utf-8")
    lock_it = [uv, "lock", "--quiet", "--script", "one.py", "--python", sys.executable, "--no-python-downloads"]
    subprocess.run(lock_it, cwd=scripts, check=True)
    kept = environments(scripts, how="built")
    found = kept.of(scripts / "one.py")
    assert found.lock is not None
    assert (found.python, found.lock.path.name, index in found.lock.text) == ("", "one.py.lock", True)

    python = builder(kept).build(found.lock)

    said = subprocess.run([python, "-I", str(scripts / "one.py")], capture_output=True, text=True, check=True).stdout
    assert said == "here\n"
    assert kept.of(scripts / "one.py").python == python


@pytest.mark.long
@BUILDS
def test_file_without_hashes_is_built_from_where_it_may_be(scripts: Path, tmp_path: Path) -> None:
    """By the setting alone."""
    text = lock_text(wheel(tmp_path / "wheels", "pinned_one"), hashed=False)
    (scripts / "requirements.txt").write_text(text, encoding="utf-8")
    kept = environments(scripts, how="built", unpinned=True)
    lock = kept.of(scripts / "one.py").lock
    assert lock is not None

    assert builder(kept).build(lock)


@pytest.mark.long
def test_what_is_not_what_was_locked_is_never_used(scripts: Path, tmp_path: Path) -> None:
    """A wheel that was exchanged: the tool's own sentence, and nothing is left that could be taken for ready."""
    path = wheel(tmp_path / "wheels", "pinned_one")
    (scripts / "requirements.lock").write_text(lock_text(path), encoding="utf-8")
    wheel(tmp_path / "wheels", "pinned_one", text="WORD = 'exchanged'\n")
    kept = environments(scripts, how="built")
    lock = kept.of(scripts / "one.py").lock
    assert lock is not None

    with pytest.raises(ScriptNotStartedError, match=r"was not built: "):
        builder(kept).build(lock)

    assert kept.of(scripts / "one.py").python == ""
    assert [each.name for each in kept.built.iterdir()] == ["build.lock"]


@pytest.mark.long
@BUILDS
@pytest.mark.parametrize("damage", ["no python", "no folder", "torn", "elsewhere"])
def test_damaged_environment_is_built_anew(scripts: Path, tmp_path: Path, damage: str) -> None:
    """It does not count as ready, and what is left of it goes."""
    (scripts / "requirements.lock").write_text(lock_text(wheel(tmp_path / "wheels", "pinned_one")), encoding="utf-8")
    kept = environments(scripts, how="built")
    found = kept.of(scripts / "one.py")
    assert found.lock is not None
    # A small one: what a build makes is shown above.
    made(kept.built / "abc")
    kept.pointer(found.key).write_text(json.dumps({"folder": "abc"}), encoding="utf-8")
    assert kept.of(scripts / "one.py").python
    if damage == "no python":
        os.unlink(system.environment_python(str(kept.built / "abc")))
    elif damage == "no folder":
        os.rename(kept.built / "abc", kept.built / "gone")
    elif damage == "torn":
        kept.pointer(found.key).write_bytes(b"{")
    else:
        kept.pointer(found.key).write_text("[]", encoding="utf-8")
    assert kept.of(scripts / "one.py").python == ""

    python = builder(kept).build(found.lock)

    assert kept.of(scripts / "one.py").python == python
    assert {each.name for each in kept.built.iterdir()} >= {"build.lock", f"{found.key}.json"}
    assert not (kept.built / "gone").exists()


@pytest.mark.long
@BUILDS
def test_one_builds_at_a_time(scripts: Path, tmp_path: Path) -> None:
    """Two who come together have one environment; who waits too long says for whom."""
    (scripts / "requirements.lock").write_text(lock_text(wheel(tmp_path / "wheels", "pinned_one")), encoding="utf-8")
    kept = environments(scripts, how="built")
    lock = kept.of(scripts / "one.py").lock
    assert lock is not None
    pythons: list[str] = []
    threads = [threading.Thread(target=lambda: pythons.append(builder(kept).build(lock))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pythons) == 2
    assert len(set(pythons)) == 1

    descriptor = system.open_lock_file(str(kept.built / "build.lock"))
    try:
        assert system.try_lock(descriptor)
        with pytest.raises(ScriptNotStartedError, match="another process builds"):
            builder(kept, within_s=0.2).build(lock)
    finally:
        os.close(descriptor)


def test_build_that_takes_too_long_is_ended(scripts: Path, tmp_path: Path) -> None:
    """So is one that nobody wants any more."""
    (scripts / "requirements.lock").write_text(lock_text(wheel(tmp_path / "wheels", "pinned_one")), encoding="utf-8")
    kept = environments(scripts, how="built")
    lock = kept.of(scripts / "one.py").lock
    assert lock is not None

    with pytest.raises(ScriptNotStartedError, match=r"longer than 0\.1 s"):
        builder(kept, within_s=0.1).build(lock)
    with pytest.raises(ScriptNotStartedError, match="told to end"):
        builder(kept, is_over=lambda: True).build(lock)
    assert [each.name for each in kept.built.iterdir()] == ["build.lock"]


@pytest.mark.long
@BUILDS
def test_tools_are_not_given_what_is_the_robots(scripts: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """One of its variables may be its credential; and what changes the robot's Python changes no other."""
    monkeypatch.setenv("FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID", "11111111-2222-4333-8444-555555555555")
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    (scripts / "requirements.lock").write_text(lock_text(wheel(tmp_path / "wheels", "pinned_one")), encoding="utf-8")
    kept = environments(scripts, how="built")
    lock = kept.of(scripts / "one.py").lock
    assert lock is not None

    assert builder(kept).build(lock)


def test_requirements_are_read_over_several_lines() -> None:
    """As locks are written by tools."""
    text = "# made by\n--index-url https://x\na==1 \\\n  --hash=sha256:00 \\\n  --hash=sha256:01\nb==2 --hash=sha256:02 # via a\n"

    assert [each.split()[0] for each in requirements(text)] == ["a==1", "b==2"]
