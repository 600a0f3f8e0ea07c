"""Wheels and lock files for environments that are built without a network."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

BUILDS = pytest.mark.skipif(
    sys.platform == "win32" and not list((Path(ensurepip.__file__).parent / "_bundled").glob("*.whl")),
    reason="this Python (the one under Wine) brings no pip, so it makes no whole environment",
)
"""For a test that builds one."""


def wheel(folder: Path, name: str, version: str = "1.0", text: str = "WORD = 'here'\n") -> Path:
    """Write a wheel with one module, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(content)},{len(content.encode())}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, content in files.items():
            archive.writestr(inner, content)
    return path


def lock_text(*wheels: Path, hashed: bool = True) -> str:
    """Return a lock that installs wheels from their folder, and asks no network."""
    lines = ["--no-index", f"--find-links {wheels[0].parent.as_uri()}"]
    for path in wheels:
        name, version = path.name.split("-")[:2]
        pin = f" \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if hashed else ""
        lines.append(f"{name}=={version}{pin}")
    return "\n".join(lines) + "\n"


def _digest(content: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
