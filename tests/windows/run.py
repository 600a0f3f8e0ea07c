"""Run something on the Windows Python under Wine: `run.py -m pytest …`, or without arguments the suite and the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.windows import setup

SUITE = ["-m", "pytest", "-n", "2", "--timeout", "240", "-q"]
DEMO = ["-I", "-m", "fsm_robot", "demo"]


def main(arguments: list[str]) -> int:
    """Set up what is missing, run, return the exit code."""
    try:
        setup.main()
    except setup.NotPossibleError as error:
        print(f"Windows tests {'failed' if os.environ.get('CI') == 'true' else 'skipped'}: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    try:
        return windows_python(arguments) if arguments else windows_python(DEMO) or windows_python(SUITE)
    finally:
        setup.stop_wine()


def windows_python(arguments: list[str]) -> int:
    """Run the Windows Python; its streams are pipes, for Wine gives it no usable handle of a plain file."""
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
    relays = [
        threading.Thread(target=_relay, args=[source, target])
        for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    ]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join()
    return process.wait()


def _relay(source, target) -> None:
    while block := source.read1(1 << 16):
        target.buffer.write(block)
        target.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
