"""The one file, built of this checkout and the packages of this Python, and the folder that an account unpacks it into."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = "LOCALAPPDATA" if os.name == "nt" else "XDG_DATA_HOME"


def built(folder: Path) -> Path:
    target = folder / "fsm-robot.pyz"
    command = [sys.executable, str(ROOT / "packaging" / "dist.py"), "--one-file", str(target)]
    subprocess.run(command, check=True, timeout=300)
    return target


def of_version(version: str, file: Path, target: Path) -> Path:
    """The same program that says that it is another version of itself."""
    with zipfile.ZipFile(file) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    inside["__main__.py"] = re.sub(rb'(?m)^NAME = "[^-]+-', b'NAME = "%s-' % version.encode(), inside["__main__.py"])
    with zipfile.ZipFile(io.BytesIO(inside["payload.zip"])) as old, io.BytesIO() as stream:
        with zipfile.ZipFile(stream, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "lib/fsm_robot/__init__.py":
                    content = re.sub(rb'__version__ = ".+"', b'__version__ = "%s"' % version.encode(), content)
                new.writestr(name, content)
        inside["payload.zip"] = stream.getvalue()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in inside.items():
            archive.writestr(name, content)
    return target


def run(file: Path, *arguments: str, data: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(file), *arguments],
        cwd=cwd,
        env={**os.environ, DATA: str(data)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )


def unpacked(data: Path) -> list[Path]:
    return sorted((data / "fsm_robot").iterdir())
