"""Takes one picture of the screen: `screen.py FOLDER MOST`, a process of the script's tree, in the robot's own Python.

A process of its own, since libraries of a screen may hang, or end their process where the screen goes away. It prints
what came of it: a number for the name of the picture, or a sentence why there is none.
"""

from __future__ import annotations

import os
import sys
import threading

LONGEST_S = 10.0
WHY_NOT_NAME = "why-not.txt"
WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
WITHOUT_LIBRARY = "the robot's Python lacks the package mss; pip install fsm_robot[screenshots] brings it"
WITHOUT_DESKTOP = "DISPLAY is not set, so there is no desktop"
ONE_COLOUR = "the screen is of one colour, as that of a session is that is locked, disconnected or empty"


def take(folder: str, most: int) -> str:
    """Keep a picture in a folder that has fewer than `most`; return its name, or why there is none."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    number = 1 + sum(name.endswith(".png") for name in os.listdir(folder))
    if number > most:
        return f"the job has {most} already, see `[screenshots] keep`"
    try:
        import mss
        from mss.exception import ScreenShotError
        from mss.tools import to_png
    except ImportError:
        return WITHOUT_LIBRARY
    try:
        with mss.mss() as screen:
            shot = screen.grab(screen.monitors[0])
    except (ScreenShotError, OSError, ValueError) as error:
        return f"there is no desktop that can be seen: {error}"
    if shot.rgb == shot.rgb[:3] * (len(shot.rgb) // 3):
        return ONE_COLOUR
    name = f"{number:02d}.png"
    data = to_png(shot.rgb, shot.size)
    with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data or b"")
    return name


def main() -> None:
    """Take a picture, and end after `LONGEST_S` whatever happens."""
    watch = threading.Timer(LONGEST_S, os._exit, (1,))
    watch.daemon = True
    watch.start()
    try:
        said = take(sys.argv[1], int(sys.argv[2]))
    except OSError as error:
        said = f"it cannot be written: {error}"
    if not said.endswith(".png"):
        with open(os.open(os.path.join(sys.argv[1], WHY_NOT_NAME), WRITTEN, 0o600), "wb") as stream:
            stream.write(said.encode("utf-8", "replace"))
    sys.stdout.buffer.write(said.encode("utf-8", "replace"))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
