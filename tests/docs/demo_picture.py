"""docs/pictures/demo.svg: `make demo` as it went once, line after line at its moment; nothing of it is typed by hand.

python -m tests.docs.demo_picture
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "demo.svg"
COLUMNS, LINE_PX, COLUMN_PX, EDGE_PX = 112, 19, 8.1, 14
HOLD_S = 8.0
COLOURS = {
    "Success": "#7ee787",
    "Failed": "#ff7b72",
    "Stopped": "#e3b341",
    "Aborted": "#e3b341",
    "Stopping": "#79c0ff",
    "Aborting": "#79c0ff",
    "In progress": "#79c0ff",
}


def recorded() -> Iterator[tuple[float, str]]:
    """Run the demo; yield each line that it prints with the seconds since it was started."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "demo-run"
        began = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", "fsm_robot", "demo", "--folder", str(place)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
            encoding="utf-8",
        ) as demo:
            assert demo.stdout is not None
            for line in demo.stdout:
                yield time.monotonic() - began, _as_in_a_checkout(line.rstrip(), str(place))
        if demo.returncode:
            sys.exit(f"the demo ended with {demo.returncode}")


def _as_in_a_checkout(line: str, place: str) -> str:
    """There `make demo` writes into demo-run, and calls the program by its place in .venv."""
    program = re.match(r"  \S*fsm-robot init( +)|  \S+ -m fsm_robot init( +)", line)
    if program:
        return f"  {'.venv/bin/fsm-robot init':<29}  {line[program.end() :]}"
    if line.startswith(f"  {place}"):
        where, _, told = line.strip().partition("  ")
        return f"  {where.replace(place, 'demo-run'):<29}  {told.strip()}"
    return line.replace(place, "demo-run")


def drawn(lines: Sequence[tuple[float, str]]) -> str:
    """Return the picture: a terminal in which the lines come as they came; at once where a reader wants no motion."""
    shown = [(0.0, "$ make demo"), *lines]
    longest = shown[-1][0] + HOLD_S
    width, height = round(COLUMNS * COLUMN_PX + 2 * EDGE_PX), len(shown) * LINE_PX + 2 * EDGE_PX
    texts, moments = [], []
    for number, (at, line) in enumerate(shown):
        y = EDGE_PX + (number + 1) * LINE_PX - 5
        text = line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"
        texts.append(
            f'<text x="{EDGE_PX}" y="{y}" class="l{number}" fill="{_colour(line)}" xml:space="preserve">{escape(text)}</text>'
        )
        share = 100 * at / longest
        moments.append(f"@keyframes k{number}{{0%,{share:.2f}%{{opacity:0}}{share + 0.01:.2f}%,100%{{opacity:1}}}}")
        moments.append(f".l{number}{{animation:k{number} {longest:.1f}s infinite}}")
    motion = "".join(moments)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        "<title>make demo: a robot takes six jobs; one is stopped, one aborted, one refused</title>\n"
        "<style>text{font:13.5px ui-monospace,'DejaVu Sans Mono',Consolas,monospace}"
        f"@media (prefers-reduced-motion:no-preference){{{motion}}}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n' + "\n".join(texts) + "\n</svg>\n"
    )


def _colour(line: str) -> str:
    word = next((word for word in COLOURS if line.startswith(f"  {word} ")), "")
    return COLOURS.get(word, "#8b949e" if line.startswith("  Pending") else "#e6edf3")


if __name__ == "__main__":
    PICTURE.write_text(drawn(list(recorded())), encoding="utf-8", newline="\n")
