"""Starts the version that `versions.json` beside this file names: `python fsm-robot.py run`, and every other command.

A copy of it stands in each place of versions and is never replaced, so a schedule that starts it stays right whatever
version comes. It runs that version in its own process: no second one lies between a scheduler and the robot.
"""

import json
import os
import sys
import time


def main() -> None:
    """Run the current version, or end with a sentence and the code for what is wrongly set up."""
    place = os.path.dirname(os.path.abspath(__file__))
    chosen = os.path.join(place, "versions.json")
    try:
        version = json.loads(text_of(chosen))["current"]
        archive = os.path.join(place, "versions", os.path.basename(version), "fsm-robot.pyz")
    except (OSError, ValueError, LookupError, TypeError) as error:
        refused(f"{chosen}: does not say which version is the current one: {error}")
    if not os.path.isfile(archive):
        refused(f"{archive}: is not there, and {chosen} names it; name another with `versions use` of any version")
    sys.path.insert(0, archive)
    import zipimport

    code = zipimport.zipimporter(archive).get_code("__main__")
    names = {"__name__": "fsm_robot_onefile", "__file__": os.path.join(archive, "__main__.py")}
    exec(code, names)  # noqa: S102  # the version that this place was given
    names["main"](os.path.abspath(__file__), place)  # type: ignore[operator]


def text_of(path: str) -> str:
    """Read a file that may be replaced at this moment: Windows refuses it then, for a moment."""
    for _ in range(20):
        try:
            with open(path, encoding="ascii") as stream:
                return stream.read()
        except PermissionError:
            time.sleep(0.05)
    with open(path, encoding="ascii") as stream:
        return stream.read()


def refused(problem: str) -> None:
    """Say in one line what is wrong, and end."""
    sys.stderr.write(f"fsm-robot: {problem}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
