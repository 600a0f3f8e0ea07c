"""Tries dist/ as a person on a server without a network does: the lines of INSTALL.txt, the demo, and the one file.

The network is taken away where the system can do that (Linux, `unshare`); pip is told to ask nobody anyway.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

DIST = Path(__file__).parent.parent / "dist"
ALONE = """\
import fcntl, os, socket, struct, sys
# The new network has nothing but the address of this machine itself, and that is down.
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1 | 64))
os.execv(sys.argv[1], sys.argv[1:])
"""
REACHES = "import socket; socket.create_connection(('192.0.2.1', 9), 3)"


def main() -> None:
    """Fail with a message where what was built does not do what its instructions say."""
    (bundle,) = DIST.glob("fsm_robot-*-offline.zip")
    alone = _without_network()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(folder / "bundle")
        marks = ("py ", "robot\\") if os.name == "nt" else ("python3 ", "robot/")
        lines = [line.strip() for line in (folder / "bundle" / "INSTALL.txt").read_text("utf-8").splitlines()]
        for line in (line for line in lines if line.startswith(marks)):
            words = line.replace("\\", "/").split()
            program = sys.executable if words[0] in ("py", "python3") else str(folder / "bundle" / words[0])
            _run([*alone, program, *words[1:]], folder / "bundle")
        programs = folder / "bundle" / "robot" / ("Scripts" if os.name == "nt" else "bin")
        _run([*alone, str(programs / "fsm-robot"), "demo", "--folder", str(folder / "demo")], folder)
        one_file = folder / "fsm-robot.pyz"
        shutil.copyfile(DIST / "fsm-robot.pyz", one_file)
        python = getattr(sys, "_base_executable", sys.executable)  # that of no environment
        data = {"XDG_DATA_HOME": str(folder / "data"), "LOCALAPPDATA": str(folder / "data")}
        _run([*alone, python, "-I", str(one_file), "demo", "--folder", str(folder / "demo-2")], folder, data)
    print(f"dist: bundle and one file work {'without a network' if alone else 'where pip asks nobody'}")


def _without_network() -> list[str]:
    """Return what a command is put behind to have no network, nothing where the system does not do that for us."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    alone = [unshare, "--map-root-user", "--net", sys.executable, "-c", ALONE]
    if subprocess.run([*alone, sys.executable, "-c", "pass"], capture_output=True, check=False).returncode:
        return []
    if subprocess.run([*alone, sys.executable, "-c", REACHES], capture_output=True, check=False).returncode == 0:
        raise SystemExit("dist: the network that was taken away is still there")
    return alone


def _run(command: list[str], folder: Path, more: dict[str, str] | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environment["PIP_CONFIG_FILE"] = os.devnull
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=900,
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace")
        raise SystemExit(f"dist: {shlex.join(command)}\nexit code {done.returncode}\n{said}")


if __name__ == "__main__":
    main()
