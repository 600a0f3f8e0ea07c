"""Run something on the Windows Python under Wine: `run.py -m pytest …`, or without arguments the demo and what meets the system."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.windows import log_off, setup

# These compute without the system, so they come out alike everywhere, or read the sources, which are not there.
COMPUTES = (
    *("analyst", "architecture", "engine/machine", "peers", "rough", "simulator", "telemetry"),
    *("cli/test_interchange.py", "cli/test_orchestrator_objects.py", "cli/test_orchestrator_probe.py"),
    "cli/test_replay.py",
    "fleet/test_health.py",
    "operations/test_diagnosis.py",
    *(f"orchestrator/test_{each}.py" for each in ("growth", "object_api", "page", "page_acts", "protocol", "quirks")),
    "orchestrator/test_rules.py",
    *(f"sdk/test_{each}.py" for each in ("crashes", "profile", "taking")),
    "worker/test_decoding.py",
)
READ_SOURCES = (
    *("docs", "engine/test_log_events.py", "system/test_language.py"),
    *("test_dependencies.py", "test_interface.py", "test_mutants.py", "test_words.py"),
)
SUITE = [
    "-m",
    "pytest",
    "-n",
    "3",  # of two processors: many a test waits
    "-m",
    "not peers and not long and not alike",
    "--timeout",
    "240",
    "-q",
    *(f"--ignore=tests/{each}" for each in (*COMPUTES, *READ_SOURCES)),
]
# Wine's desktop is a process that the first window starts, and that keeps the streams of who made it. This one stands aside.
DESKTOP = """
import ctypes, time
ctypes.windll.user32.CreateWindowExW(0, "Static", "desktop", 0, 0, 0, 0, 0, None, None, None, None)
print("up", flush=True)
time.sleep(36000)
"""
# Of all Pythons only the desktop's and this one may be there when the demo is over.
NOTHING_LEFT = """
import os, sys
from fsm_robot.worker._win32 import process_list
left = [each for each in process_list() if each.name.lower().startswith("python") and each.pid != os.getpid()]
sys.exit(None if len(left) == 1 else f"the demo left processes: {left}")
"""
RELAY_PATIENCE_S = 10.0
LOOK_S = 5.0
WINE_DIED = 75
DEMO = ["-I", "-m", "fsm_robot", "demo"]


def main(arguments: list[str]) -> int:
    """Set up what is missing, run, return the exit code."""
    try:
        setup.main()
    except setup.NotPossibleError as error:
        print(f"Windows tests {'failed' if os.environ.get('CI') == 'true' else 'skipped'}: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    problems = [] if arguments else log_off.main()
    if problems:
        print("log-off: " + "; ".join(problems), file=sys.stderr)
    exit_code = on_a_desktop(arguments)
    if exit_code == WINE_DIED:
        # Seen once in ten runs, in different tests: Wine's own server is gone, and everybody waits for it without end.
        print("Wine's server has ended under the tests; they run once more", file=sys.stderr)
        exit_code = on_a_desktop(arguments)
    return exit_code or len(problems)


def on_a_desktop(arguments: list[str]) -> int:
    """Run these, or the demo and the suite, with Wine's desktop there."""
    desktop = start_python(["-c", DESKTOP])
    assert desktop.stdout is not None
    desktop.stdout.readline()
    try:
        if arguments:
            return windows_python(arguments)
        shown = windows_python(DEMO) or windows_python(["-c", NOTHING_LEFT])
        return windows_python(SUITE) or shown
    finally:
        setup.stop_wine()
        setup.kill_what_is_left()
        desktop.wait()


def windows_python(arguments: list[str]) -> int:
    """Run the Windows Python; its streams are pipes, for Wine gives it no usable handle of a plain file."""
    process = start_python(arguments)
    relays = [
        threading.Thread(target=_relay, args=[source, target], daemon=True)
        for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for relay in relays:
        relay.start()
    exit_code = _waited(process)
    # Something of Wine's own may keep the streams open for ever: what the process itself said is there by now.
    for relay in relays:
        relay.join(RELAY_PATIENCE_S)
    return exit_code


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Return the exit code of a process, or `WINE_DIED` where Wine's server ends before it does."""
    server = setup.wait_for_server()
    exit_code = None
    try:
        while exit_code is None and server.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                exit_code = process.wait(LOOK_S)
        # A process that its server leaves alone may also end, with exit code 0. The desktop keeps the server there.
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(1 if exit_code is not None else 0)
            setup.kill_what_is_left()
            process.wait()
            return WINE_DIED
        assert exit_code is not None
        return exit_code
    finally:
        server.kill()
        server.wait()


def start_python(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start the Windows Python in the copy of the checkout, with nothing to read."""
    process = subprocess.Popen(
        [setup.wine(), str(setup.PYTHON), *arguments],
        cwd=setup.HOME / "checkout",
        env=setup.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None  # else `communicate` would want to flush it
    return process


def _relay(source, target) -> None:
    while block := source.read1(1 << 16):
        target.buffer.write(block)
        target.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
