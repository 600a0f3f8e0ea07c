"""The image of the Dockerfile without an engine: a root of its own, read-only, with the robot as its process 1."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from fsm_robot.schedule.clusters import ACCOUNT
from tests.fakes.needed import missing

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
NEEDED = ("unshare", "setpriv", "chroot", "mount")


def require() -> None:
    """Skip the test where no root can be made, and fail where one has to be."""
    if sys.platform == "win32" or os.geteuid() != 0 or not all(map(shutil.which, NEEDED)):
        missing(f"needs root and {', '.join(NEEDED)}")


def instructions(name: str) -> list[str]:
    """Return what the instructions of a name say in the Dockerfile, in their order."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)


def entry() -> list[str]:
    """Return the command that the container begins with."""
    return [*json.loads(instructions("ENTRYPOINT")[-1]), *json.loads(instructions("CMD")[-1])]


def environment() -> dict[str, str]:
    """Return the variables of the image."""
    said = " ".join(instructions("ENV"))
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **dict(each.split("=") for each in said.split())}


def command(folder: Path, robot: Path, state: Path, *arguments: str) -> list[str]:
    """Return how the entry command, or `arguments` in its place, runs in a root of its own made in `folder`.

    Args:
        folder: An empty folder for the root.
        robot: What is at /robot.
        state: What is at /state: the one place besides /tmp that may be written to.
    """
    shared = ["/usr", "/etc", "/lib", "/lib64", "/bin", "/dev", sys.base_prefix, str(ROOT)]
    lines = ["set -e", "mount --make-rprivate /", f"cd {shlex.quote(str(folder))}", "mount -t tmpfs robot ."]
    # First, for what is shared may stand in /tmp itself.
    lines += ["mkdir state tmp proc", "mount -t tmpfs -o mode=1777 tmp tmp"]
    for place in dict.fromkeys(shared):
        if os.path.islink(place):
            lines.append(f"ln -s {shlex.quote(os.readlink(place))} .{shlex.quote(place)}")
        elif os.path.isdir(place):
            lines += _mounted(place, place)
    lines += [*_mounted(sys.prefix, "/opt/robot"), *_mounted(str(robot), "/robot")]
    lines += [f"mount --bind {shlex.quote(str(state))} state", "mount -t proc proc proc", "mount -o remount,ro ."]
    variables = shlex.join(f"{name}={value}" for name, value in environment().items())
    become = f"setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups --no-new-privs --bounding-set=-all"
    chroot = shutil.which("chroot")  # a variable PATH is set before it is looked for
    lines.append(f"exec env -i {variables} {chroot} . {become} {shlex.join(arguments or entry())}")
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", "\n".join(lines)]


def _mounted(place: str, to: str) -> list[str]:
    """Return how a folder is seen read-only at another place of the root."""
    there = shlex.quote(f".{to}")
    return [f"mkdir -p {there}", f"mount --bind {shlex.quote(place)} {there}", f"mount -o remount,bind,ro {there}"]


def first_process(unshare: subprocess.Popen[str]) -> int:
    """Return the number, out here, of the process that is number 1 in there; 0 before there is one."""
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text(encoding="ascii").split()
    return int(children[0]) if children else 0
