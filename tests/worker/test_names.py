from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.errors import ScriptRefusedError
from fsm_robot.worker.names import part_problem, resolve_script


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    for name in (
        "hello.py",
        "отчёты/сводка.py",
        "sub/deep/x.py",
        "pack/__main__.py",
        "pack/other.py",
        "both.py/__main__.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("print(1)")
    (tmp_path / "outside.py").write_text("print('outside')")
    return folder


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hello", "hello.py"),
        ("hello.py", "hello.py"),
        ("отчёты\\сводка", "отчёты/сводка.py"),
        ("отчёты/сводка.py", "отчёты/сводка.py"),
        ("sub\\deep/x", "sub/deep/x.py"),
        ("pack", "pack"),
        ("pack/__main__", "pack/__main__.py"),
        ("pack/other", "pack/other.py"),
        ("both.py", "both.py"),
    ],
)
def test_name_leads_to_a_script_when_it_is_one(scripts: Path, name: str, file: str) -> None:
    """Either slash, with or without the suffix, a folder with __main__.py too."""
    assert resolve_script(name, scripts) == (scripts / file).resolve()


def test_name_in_another_unicode_form_leads_to_the_same_script(scripts: Path) -> None:
    """й typed as one character or as two finds the file."""
    (scripts / unicodedata.normalize("NFD", "мой.py")).write_text("")

    found = resolve_script(unicodedata.normalize("NFC", "мой"), scripts)

    assert unicodedata.normalize("NFC", found.name) == "мой.py"


REFUSED = [
    "",
    "   ",
    "..",
    "..\\outside",
    "../outside",
    "sub/../../outside",
    "sub\\..\\..\\outside.py",
    "./hello",
    "/etc/passwd",
    "\\windows\\calc",
    "\\\\server\\share\\x",
    "//server/share/x",
    "C:\\windows\\calc",
    "C:calc",
    "hello.py:stream",
    "hello::$DATA",
    "con",
    "CON.py",
    "sub/nul",
    "aux.txt",
    "lpt9 .py",
    "COM¹",
    "hello\0",
    "hello\n",
    "hel\x1blo",
    "\u202egnp.exe",
    "hello.",
    "hello ",
    "sub //deep",
    "sub//deep/x",
    "hello?",
    "he*lo",
    "a" * 256,
    "a/" * 600 + "b",
    "nothing_there",
    "\ud800",
]


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: ascii(name)[:30])
def test_name_is_refused_with_a_reason_when_it_is_dangerous_or_leads_nowhere(scripts: Path, name: str) -> None:
    """One error class, a reason in one printable line, no traceback of the system."""
    with pytest.raises(ScriptRefusedError) as raised:
        resolve_script(name, scripts)

    assert raised.value.reason
    assert str(raised.value).isprintable()


def test_refusal_names_the_nearest_script_when_it_is_a_typing_error(scripts: Path) -> None:
    """An operator's slip is mended by reading the log line."""
    with pytest.raises(ScriptRefusedError, match="did you mean 'отчёты/сводка'"):
        resolve_script("отчеты/сводка", scripts)


@pytest.mark.skipif(sys.platform == "win32", reason="making a link needs a right there that tests do not have")
@pytest.mark.parametrize("link", ["file", "folder", "main", "main inside"])
def test_link_is_refused_when_it_leaves_the_folder(scripts: Path, tmp_path: Path, link: str) -> None:
    """Whatever the link is: the script, its folder, or the __main__ of a folder."""
    if link == "file":
        (scripts / "trick.py").symlink_to(tmp_path / "outside.py")
    elif link == "folder":
        (scripts / "trick").symlink_to(tmp_path)
    else:
        target = tmp_path / "outside.py" if link == "main" else scripts / "hello.py"
        (scripts / "trick").mkdir()
        (scripts / "trick" / "__main__.py").symlink_to(target)

    with pytest.raises(ScriptRefusedError, match="link"):
        resolve_script("trick/outside" if link == "folder" else "trick", scripts)


@pytest.mark.skipif(sys.platform == "win32", reason="making a link needs a right there that tests do not have")
@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("again.py", "hello.py", "again"),
        ("sub/again.py", "../hello.py", "sub/again"),
        ("more", "sub", "more/deep/x"),
        ("app", "pack", "app"),
        ("app", "pack", "app/__main__"),
    ],
)
def test_link_that_stays_inside_keeps_its_own_name(scripts: Path, link: str, target: str, name: str) -> None:
    """A script asks what it was called by; what it leads to was looked at."""
    (scripts / link).symlink_to(target)

    found = resolve_script(name, scripts)

    assert found.relative_to(scripts).as_posix().removesuffix(".py") == name
    assert found.resolve() != found
    assert found.resolve().is_relative_to(scripts)


@pytest.mark.skipif(sys.platform != "win32", reason="needs a folder that does not tell capitals from small letters")
def test_name_in_other_capitals_leads_to_the_name_on_the_disk(scripts: Path) -> None:
    """What is no link is called as it is spelled there."""
    assert resolve_script("HELLO", scripts).name == "hello.py"


def test_scripts_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The reason is the folder, not the script."""
    with pytest.raises(ScriptRefusedError, match="scripts folder"):
        resolve_script("hello", tmp_path / "none")


@given(st.text(alphabet=st.sampled_from("ab.\\/: ~*\0\n%CON" + "ё\u202e"), max_size=12))
@settings(max_examples=400, deadline=None)
def test_whatever_is_accepted_is_inside_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """No text at all leads out."""
    folder = tmp_path_factory.getbasetemp() / "property" / "scripts"
    if not folder.exists():
        for file in ("a.py", "b/a.py", "a/b.py", "ё.py"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text("")
        (folder.parent / "a.py").write_text("")

    try:
        found = resolve_script(name, folder)
    except ScriptRefusedError:
        return

    assert found.is_relative_to(folder.resolve())
    assert found.exists()
    assert all(part_problem(part) == "" for part in found.relative_to(folder.resolve()).parts)
    assert os.path.basename(found) not in ("", ".", "..")
