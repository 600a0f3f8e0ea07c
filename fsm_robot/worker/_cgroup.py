"""A control group for each script, where Linux lets this account make one: its members are killed in one call.

That is so below a systemd user manager, in a service with `Delegate=`, in most containers, and for root. Source:
Documentation/admin-guide/cgroup-v2.rst of the kernel, "cgroup.kill" (Linux 5.14) and "Delegation".
"""

from __future__ import annotations

import os
from functools import cache

import attrs

_PREFIX = "fsm_robot-"


@attrs.frozen
class ControlGroup:
    """A group of processes that the system keeps together; children are born into their parent's."""

    path: str

    def add(self, pid: int) -> bool:
        """Put a process into it; return whether that was possible."""
        return self._write("cgroup.procs", str(pid))

    def kill(self) -> bool:
        """Kill everything in it at once, also what is just being born; return whether that was possible."""
        return self._write("cgroup.kill", "1")

    def limit_memory(self, limit_bytes: int) -> bool:
        """Let the kernel keep all of it below so much memory, and end it as a whole; return whether that is so."""
        if not self._write("memory.max", str(limit_bytes)):
            return False  # the controller is not handed down to this place
        self._write("memory.swap.max", "0")
        self._write("memory.oom.group", "1")
        return True

    def hit_memory_limit(self) -> bool:
        """Return whether the kernel has ended something of it for want of the memory that it may have."""
        try:
            with open(f"{self.path}/memory.events", encoding="ascii") as stream:
                counts = dict(line.split() for line in stream)
        except (OSError, ValueError):
            return False
        return counts.get("oom_kill", "0") != "0"

    def members(self) -> frozenset[int]:
        """Return the numbers of the processes in it."""
        try:
            with open(f"{self.path}/cgroup.procs", encoding="ascii") as stream:
                return frozenset(int(line) for line in stream)
        except (OSError, ValueError):
            return frozenset()

    def remove(self) -> None:
        """Remove it, if it is empty."""
        try:
            os.rmdir(self.path)
        except OSError:
            return  # somebody is in it, who will be named as a survivor, or it is gone

    def _write(self, name: str, text: str) -> bool:
        try:
            with open(f"{self.path}/{name}", "w", encoding="ascii") as stream:
                stream.write(text)
        except OSError:
            return False
        return True


def make(run_token: str) -> ControlGroup | None:
    """Return a new, empty group for the script of a job, or None where that cannot be had."""
    home = _home()
    if not home:
        return None
    group = ControlGroup(f"{home}/{_PREFIX}{run_token}")
    try:
        os.mkdir(group.path)
    except OSError:
        return None
    if os.path.exists(f"{group.path}/cgroup.kill"):
        return group
    group.remove()
    return None


def limits_memory() -> bool:
    """Return whether a group made here would have the controller of memory."""
    try:
        with open(f"{_home()}/cgroup.subtree_control", encoding="ascii") as stream:
            return bool(_home()) and "memory" in stream.read().split()
    except OSError:
        return False


def left_behind(path: str, run_token: str) -> ControlGroup | None:
    """Return the group that an earlier life has noted, if it is there and really the script's.

    One that was killed before it had noted it, right after the script's start, has made it in the usual place.
    """
    path = path or (f"{_home()}/{_PREFIX}{run_token}" if _home() else "")
    named_so = run_token and os.path.basename(path) == f"{_PREFIX}{run_token}"
    return ControlGroup(path) if named_so and os.path.exists(f"{path}/cgroup.kill") else None


@cache
def _home() -> str:
    """Return the folder of the robot's own group, or empty where no group can be made in it."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as stream:
            own = next((line[3:].rstrip("\n") for line in stream if line.startswith("0::")), "")
        with open("/proc/self/mountinfo", encoding="utf-8") as stream:
            mount = next((line.split()[4] for line in stream if " - cgroup2 " in line), "")
    except OSError:
        return ""
    home = f"{mount}{own}".rstrip("/")
    # Both are needed: to make a group, and to move the script out of the one that it is born into.
    able = own and mount and os.access(home, os.W_OK) and os.access(f"{home}/cgroup.procs", os.W_OK)
    return home if able else ""
