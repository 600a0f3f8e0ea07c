"""A drawing as pixels or pages, made by the Chromium of this machine (Chrome, Edge and Brave are Chromiums too)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fsm_robot.errors import SettingsError

if sys.platform == "win32":
    from fsm_robot.system import _windows as _platform
else:
    from fsm_robot.system import _posix as _platform

FLAGS = [
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-extensions",
    "--hide-scrollbars",
]
PATIENCE_S = 60.0
PIXELS_PER_UNIT = 2
SIZE = re.compile(r'<svg [^>]*width="([0-9.]+)" height="([0-9.]+)"')
PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><style>
@page {{ size: {width}px {height}px; margin: 0; }}
html, body {{ margin: 0; background: #ffffff; color-scheme: only light; }}
svg {{ display: block; }}
</style></head><body>{svg}</body></html>"""


def png(svg: str) -> bytes:
    """Return an SVG as PNG, two pixels per unit, on a light ground.

    Raises:
        SettingsError: No Chromium is installed, or it could not do it.
    """
    width, height = _size(svg)
    flags = [f"--window-size={width},{height}", f"--force-device-scale-factor={PIXELS_PER_UNIT}"]
    return _made(svg, "png", [*flags, "--screenshot={out}"])


def pdf(svg: str) -> bytes:
    """Return an SVG as PDF of one page, its size the drawing's.

    Raises:
        SettingsError: No Chromium is installed, or it could not do it.
    """
    return _made(svg, "pdf", ["--no-pdf-header-footer", "--print-to-pdf={out}"])


def find_browser() -> str:
    """Return the path of a Chromium, or an empty text."""
    found = (shutil.which(name) for name in _platform.browsers())
    return next((path for path in found if path), "")


def _size(svg: str) -> tuple[int, int]:
    found = SIZE.search(svg)
    if found is None:
        raise ValueError("this SVG does not tell its size")
    return int(float(found[1])) + 1, int(float(found[2])) + 1


def _made(svg: str, kind: str, flags: list[str]) -> bytes:
    browser = find_browser()
    if not browser:
        raise SettingsError(
            f"--format {kind} needs a Chromium, and none is installed here: install Chromium, Chrome or Edge"
            " (Debian: apt install chromium), or take --format svg, which needs nothing"
        )
    width, height = _size(svg)
    with tempfile.TemporaryDirectory(prefix="fsm_robot-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, out = folder / "drawing.html", folder / f"drawing.{kind}"
        # Light, whatever the machine likes: this goes on paper.
        light = svg.replace("@media screen and (prefers-color-scheme: dark)", "@media not all")
        page.write_text(PAGE.format(width=width, height=height, svg=light.partition("?>")[2]), encoding="utf-8")
        command = [browser, *FLAGS, *_platform.browser_flags(), f"--user-data-dir={folder / 'profile'}"]
        command += [flag.replace("{out}", str(out)) for flag in flags]
        return _run([*command, page.as_uri()], out, kind)


def _run(command: list[str], out: Path, kind: str) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"--format {kind}: {command[0]} was not ready after {PATIENCE_S:g} s") from error
    except OSError as error:
        raise SettingsError(f"--format {kind}: {command[0]} cannot be started: {error.strerror or error}") from error
    if not out.exists():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1][:200] if said else f"it ended with code {done.returncode}"
        raise SettingsError(f"--format {kind}: {command[0]} made nothing: {reason}")
    return out.read_bytes()
