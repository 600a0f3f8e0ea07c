"""What the robot process itself asks of a POSIX system; `_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on POSIX only"  # and type-checked for POSIX only

import fcntl
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from fsm_robot.system import threads

if TYPE_CHECKING:
    from fsm_robot.system.seen_session import SeenSession

NEEDED_TO_THE_END: tuple[str, ...] = ()
"""Modules of this one that are imported late, and at the latest before a script starts."""
_LEAVE_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a process to leave politely."""
_LONGEST_S = 30.0
_SAYS_WITHIN_S = 5.0
_HIGHEST_STANDARD = 2


def set_inherited_right() -> None:
    """Undo what the starter of this process may have done to its signals, which scripts would inherit too.

    An ignored SIGCHLD makes the system throw exit codes away, and a blocked signal never arrives. A leave signal that
    is ignored stays so: that is how `nohup` says that the process shall outlive its terminal.

    In a container the robot is process 1, for which the kernel throws a signal away that nobody listens to: there it
    is kept until `listen`.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, _LEAVE_SIGNALS if os.getpid() == 1 else ())


def leave_session(how: str) -> str:
    """End (`log_off`) the session that the robot runs in, no other, or start the machine anew (`reboot`).

    Returns:
        What went wrong, empty where nothing did.
    """
    hindrance = leaving_hindrance(how)
    if hindrance:
        return hindrance
    # Not `shutdown -r`: for that an account needs a right of its own, and logind asks who is logged on.
    command = ["systemctl", "reboot"]
    if how != "reboot":
        command = ["loginctl", "terminate-session", os.environ["XDG_SESSION_ID"]]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.decode(errors="replace").strip() if done.returncode else ""


def may_log_off(*, scheduled: bool) -> bool:  # noqa: ARG001 - the twin needs it
    """Return whether the session may be ended that nobody has asked to end: here it is seldom the robot's own."""
    return False


def leaving_hindrance(how: str) -> str:
    """Return why `leave_session` cannot do it, empty where nothing speaks against it."""
    if how == "disconnect":
        return "only a Windows session can be disconnected"
    if how == "log_off" and not (os.environ.get("XDG_SESSION_ID") and shutil.which("loginctl")):
        return "there is no session of its own to log off"
    if how == "reboot" and not shutil.which("systemctl"):
        return "the machine cannot be restarted: systemctl is not installed"
    return ""


def listen(tell: Callable[[str], None]) -> None:
    """Let `tell` know from now on how this process is asked to leave: Ctrl-C, and what the system sends.

    `tell` runs in a thread of its own. Python's own handlers run in the main thread between two steps, and one whose
    signal came just before that began to wait for a lock runs when the wait is over: with the next event, or never.
    """
    # A process that was started with a signal ignored (nohup) leaves it ignored.
    numbers = [number for number in _LEAVE_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    waiting = bytearray()

    def pass_on() -> None:
        while True:
            if not waiting:
                waiting.extend(os.read(reader, 64))
            if waiting[0] in numbers:
                tell(signal.Signals(waiting[0]).name)
            del waiting[0]  # not before it was told: the thread may begin anew in between

    threads.start("signals", pass_on, lambda _error: True)
    # Python writes the number there at once, in whatever thread a signal comes; only for those with a handler.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _LEAVE_SIGNALS)


def watch_session(
    tell: Callable[[str], None],  # noqa: ARG001 - the twin needs it
    over: threads.Flag,  # noqa: ARG001
    failed: Callable[[BaseException], object],  # noqa: ARG001
) -> Callable[[], object]:
    """Let `tell` know when the session ends: here that arrives as SIGHUP or SIGTERM, which `listen` hears."""
    return lambda: None


def account_folder() -> str:
    """Return a folder that is the same for every process of this account, and that no other one can look into.

    Whatever the environment says. Empty where none can be had: another account has made folders of these names.
    """
    uid = os.getuid()
    places = [f"/tmp/fsm_robot-{uid}", f"/var/tmp/fsm_robot-{uid}", *_in_home(uid)]  # noqa: S108 - looked at first
    # One that is there already comes first: the process that made it may hold a lock in it.
    return next((place for place in places if _is_ours(place, uid)), "") or next(
        (place for place in places if _made(place) or _is_ours(place, uid)), ""
    )


def _in_home(uid: int) -> list[str]:
    import pwd

    try:
        return [os.path.join(pwd.getpwuid(uid).pw_dir, ".fsm_robot")]
    except KeyError:
        return []  # an account without an entry, as in a container


def _is_ours(path: str, uid: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077


def _made(path: str) -> bool:
    try:
        os.mkdir(path, 0o700)
    except OSError:
        return False
    return True


def browsers() -> list[str]:
    """Return the commands and paths under which a Chromium may be installed, the likeliest first."""
    names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable"]
    return [*names, "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]


def browser_flags() -> list[str]:
    """Return what a browser needs here: without its sandbox it starts for root, with it only for others."""
    return ["--no-sandbox"] if os.getuid() == 0 else []


def child_flags() -> int:
    """Return how a program is started that nobody is to see: here there is no window to hide."""
    return 0


def open_lock_file(path: str) -> int:
    """Open or create the file behind a lock, for this account only, never through a link; return the descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def is_held(path: str, error: OSError) -> bool:  # noqa: ARG001 - the twin needs it
    """Return whether an error came of another program that has a file open: here nobody is kept out by that."""
    return False


def holders(path: str) -> tuple[str, ...]:  # noqa: ARG001 - the twin needs it
    """Return the programs that have a file open: nobody waits for them here."""
    return ()


def make_private_folder(path: str) -> None:
    """Make a folder for this account only; one that is there stays as somebody has made it. Raises `OSError`."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def let_read(path: str, groups: Sequence[str], *, within: bool) -> None:
    """Let the accounts of some groups read a file, or list a folder; nobody may write more than before.

    A file has one group here, so it is the first one's. What is made `within` the folder later has its group too, and
    is read by it as far as its own mode says so.

    Raises:
        OSError: The group is unknown, or this account is no member of it.
    """
    import grp

    try:
        group = grp.getgrnam(groups[0]).gr_gid
    except KeyError:
        raise OSError(f"there is no group {groups[0]!r} on this machine") from None
    found = os.lstat(path)
    folder = 0o2050 if within else 0o050
    wanted = found.st_mode | (folder if stat.S_ISDIR(found.st_mode) else 0o040)
    if stat.S_ISLNK(found.st_mode) or (found.st_gid == group and found.st_mode == wanted):
        return
    if found.st_gid != group:
        # What another group could do before is not given to this one.
        wanted &= ~(0o027 if stat.S_ISDIR(found.st_mode) else 0o037)
        os.chown(path, -1, group)
    os.chmod(path, stat.S_IMODE(wanted))


def let_nobody_read(path: str) -> None:
    """Take back what `let_read` has given. Raises `OSError`."""
    found = os.lstat(path)
    if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o2077:
        os.chmod(path, stat.S_IMODE(found.st_mode) & 0o0700)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it; the system frees it when the process dies."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_data(descriptor: int) -> None:
    """Return when what a file holds survives a power loss, its size included; not its times, which nobody needs."""
    (getattr(os, "fdatasync", None) or os.fsync)(descriptor)


def sync_directory(path: str) -> None:
    """Return when the names of the files in a folder survive a power loss."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        # A folder that may be passed but not read (0711) cannot be opened for that: then everything is synced.
        os.sync()
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def process_lives(pid: int) -> bool:
    """Return whether there is a process with this id, of whatever account."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_terminal(descriptor: int) -> bool:
    """Return whether a person sits behind an open file."""
    return os.isatty(descriptor)


def let_open(wanted: int) -> int:
    """Let this process have so many files and connections open, as far as it may; return how many of them it may have.

    A login allows 1,024 in most places, and far more to whoever asks.
    """
    import resource  # the robot never asks

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # a system with a limit of its own, such as macOS
        return soft
    return most


def hold_standard_descriptors() -> None:
    """Open the null device where standard input, output or error was closed by who started this process.

    Else the next file that is opened gets the number, and what a library prints lands in the journal.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= _HIGHEST_STANDARD:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def session() -> tuple[str, str]:
    """Return what this process's session is, and what keeps a script from working in it, empty where nothing does."""
    session_id = os.environ.get("XDG_SESSION_ID", "")
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    shown = f"login session {session_id}" if session_id else "no login session"
    return f"{shown}, {f'display {desktop}' if desktop else 'no display'}", ""


def desktop_hindrance() -> str:
    """Return why a script cannot use windows now, empty where nothing is known that speaks against it."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return "the session is locked" if os.environ.get("XDG_SESSION_ID") and seen_session().state == "locked" else ""
    return "neither DISPLAY nor WAYLAND_DISPLAY is set, so there is no desktop"


def seen_session() -> SeenSession:
    """Return what the system says of the robot's own session, or where it has none of all of its account."""
    import time

    from fsm_robot.system.seen_session import SeenSession, from_loginctl

    if not shutil.which("loginctl"):
        return SeenSession(unknown="loginctl is not installed, so it is not known whether a person uses the session")
    own = os.environ.get("XDG_SESSION_ID", "")
    told, problem = (own, "") if own else _loginctl("show-user", str(os.getuid()), "--property=Sessions", "--value")
    if told.split() and not problem:
        wanted = ("State", "Class", "LockedHint", "IdleHint", "IdleSinceHint")
        told, problem = _loginctl("show-session", *told.split(), *(f"--property={name}" for name in wanted))
    return SeenSession(unknown=f"loginctl does not tell: {problem}") if problem else from_loginctl(told, time.time())


def _loginctl(*arguments: str) -> tuple[str, str]:
    """Return what it says, and what went wrong."""
    command = ["loginctl", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SAYS_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    said = done.stdout.decode(errors="replace")
    why = done.stderr.decode(errors="replace").strip().partition("\n")[0]
    return said, (why or "it failed") if done.returncode else ""


def take_name(name: str) -> int:  # noqa: ARG001 - the twin needs it
    """Take a name that one process of this session may have: the locks of the files do that here already."""
    return 1


def free_name(taken: int) -> None:
    """Give a name back."""


def create_private(path: str) -> int:
    """Create a file for this account only; return a descriptor that is written to.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def open_private(path: str, flags: int) -> int:
    """Open a file to write, made for this account only if it is not there; with O_APPEND or O_TRUNC in `flags`.

    One that is there already is for this account only from now on, whoever could read it before.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
    found = os.fstat(descriptor)
    if found.st_mode & 0o077 and found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
        os.fchmod(descriptor, 0o600)
    return descriptor


def put_in_place(new: str, path: str) -> None:
    """Give a whole file its name, unless there is one of that name: then that one stays. `new` is gone."""
    try:
        os.link(new, path)
    except FileExistsError:
        pass  # another process was first
    finally:
        os.unlink(new)


def booted_at() -> float:
    """Return when this machine was started, in seconds since 1970; 0 where the system does not say."""
    try:
        with open("/proc/stat", encoding="ascii") as stream:
            return next((float(line.split()[1]) for line in stream if line.startswith("btime ")), 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0


def restart_reason() -> str:
    """Return why this machine was started anew, in the system's own words: here nothing keeps that."""
    return ""


def killed_for_memory(pid: int) -> str:
    """Return the kernel's line that says that it has ended a process because memory ran out; empty where there is none.

    Not every account may read what the kernel says.
    """
    try:
        descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        while record := os.read(descriptor, 8192):
            line = record.decode("utf-8", "replace").partition(";")[2].splitlines()[:1]
            if line and f"Killed process {pid} " in line[0]:
                return line[0][:300]
    except OSError:
        return ""  # all is read
    finally:
        os.close(descriptor)
    return ""


def system_log(name: str, address: str = "/dev/log") -> Callable[[str, str, int], None]:
    """Return what puts a line into the system's log: level, text, number of its kind. Raises `OSError`."""
    import socket

    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.settimeout(1.0)
    channel.connect(address)
    severity = {"debug": 7, "info": 6, "warning": 4, "error": 3}

    def put(level: str, text: str, number: int) -> None:
        # RFC 3164, 4.1: facility 1 (user) times eight and the severity.
        line = f"<{8 + severity.get(level, 6)}>{name}[{os.getpid()}]: [{number}] {text}"
        channel.send(line.encode("utf-8", "backslashreplace")[:8000])

    return put


def register_system_log(name: str) -> str:  # noqa: ARG001 - the twin needs it
    """Make the system's log know a program; return what was done: here it takes lines of everybody."""
    return "syslog and journald take lines of every program, nothing has to be registered"


def put_in_the_place_of(new: str, path: str) -> None:
    """Replace a file by a new one with the owner and the rights of the old one. Raises `OSError`."""
    found = os.stat(path)
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.stat(new).st_gid):
        os.chown(new, found.st_uid, found.st_gid)
    os.chmod(new, stat.S_IMODE(found.st_mode))
    os.replace(new, os.path.realpath(path))


def environment_python(folder: str) -> str:
    """Return where a virtual environment has its Python."""
    return os.path.join(folder, "bin", "python")


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Be another program from now on, under the same process number. Raises `OSError`."""
    sys.stdout.flush()
    os.execve(command[0], list(command), dict(environment))  # noqa: S606 - that is what it is for
