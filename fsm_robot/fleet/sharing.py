"""One file of shared settings, and what differs: written into the robot.toml of each robot, never its GUID."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from fsm_robot.errors import SettingsError
from fsm_robot.fleet.file import Fleet, Place, from_text
from fsm_robot.fleet.looking import folders_of
from fsm_robot.fleet.toml_text import Sections, differences, robot_entry, with_values, without_robot
from fsm_robot.robot.kept_secret import replace
from fsm_robot.robot.settings import check_text

if sys.platform == "win32":
    pass
else:
    pass


@attrs.frozen
class Edit:
    """What would be written into one robot.toml.

    Attributes:
        path: The file.
        lines: What would change, a line each; empty where it is as it should be.
        problem: Why it cannot be written, empty where it can.
    """

    path: Path
    lines: tuple[str, ...] = ()
    problem: str = ""
    _text: str = attrs.field(default="", repr=False)

    def write(self) -> None:
        """Write it, whole or not at all, with the rights of the file as they are. Raises `OSError`."""
        replace(self.path, self._text)


def edits(fleet: Fleet) -> Iterator[Edit]:
    """Return what `apply` would write, for each robot of this machine in the order of the file."""
    done: set[Path] = set()
    # What differs for one robot counts before what a pattern says of it.
    for place in sorted(fleet.places, key=lambda place: place.is_pattern):
        if place.command:
            told = f"{place.host}: is on another machine; `fsm-robot fleet apply` writes there what is there"
            yield Edit(Path(place.folder), problem=told)
            continue
        for folder in folders_of(place.folder, fleet.base):
            config = folder if folder.name.endswith(".toml") else folder / "robot.toml"
            if config not in done:
                done.add(config)
                yield _edit(fleet, place, config)


def named_configs(fleet: Fleet) -> dict[Path, str]:
    """Return the robot.toml of each robot of this machine, and what that robot is called."""
    found: dict[Path, str] = {}
    for place in fleet.places:
        for folder in [] if place.command else folders_of(place.folder, fleet.base):
            config = folder if folder.name.endswith(".toml") else folder / "robot.toml"
            found.setdefault(config, place.name or config.parent.name)
    return found


def configs_of(fleet: Fleet, only: str = "") -> list[Path]:
    """Return the robot.toml of each robot of this machine, or of the one that is called so. Raises `SettingsError`."""
    found = named_configs(fleet)
    meant = [config for config, name in found.items() if only in ("", name)]
    if not meant:
        raise SettingsError(
            f"{fleet.path}: no robot of this machine is called {only!r}; known are {', '.join(found.values())}"
        )
    return meant


def _edit(fleet: Fleet, place: Place, config: Path) -> Edit:
    values: dict[str, dict[str, object]] = {name: dict(keys) for name, keys in fleet.shared.items()}
    for name, keys in place.settings.items():
        values.setdefault(name, {}).update(keys)
    return edit_of(config, values)


def edit_of(config: Path, values: Sections) -> Edit:
    """Return what would be written into a robot.toml for these values, by section and key."""
    try:
        text = config.read_bytes().decode("utf-8-sig")
        after = with_values(text, values, str(config))
        # Not one word of it that the robot would refuse.
        check_text(after, config, {})
    except OSError as error:
        return Edit(config, problem=f"{config}: {error.strerror or error}")
    except UnicodeDecodeError:
        return Edit(config, problem=f"{config}: is not UTF-8 text; save the file as UTF-8")
    except SettingsError as error:
        return Edit(config, problem="; ".join(error.problems))
    return Edit(config, tuple(differences(text, values, str(config))), text=after)


def added(path: Path, place: Place) -> str:
    """Return the text of a fleet.toml with one place more, made where there is no file yet. Raises `SettingsError`."""
    text = path.read_text(encoding="utf-8-sig") if path.exists() else "# The robots of one operator.\n"
    known = from_text(path, text).places
    if any((each.folder, each.host) == (place.folder, place.host) for each in known):
        raise SettingsError(f"{path}: lists {place.folder} already")
    values = attrs.asdict(place)
    values["command"] = list(place.command)
    after = (text if text.endswith("\n") else f"{text}\n") + robot_entry(values)
    from_text(path, after)
    return after


def removed(path: Path, word: str) -> str:
    """Return the text of a fleet.toml without the place that a name, or a folder, means. Raises `SettingsError`."""
    text = path.read_text(encoding="utf-8-sig")
    places = from_text(path, text).places
    meant = [number for number, place in enumerate(places) if word in (place.name, place.folder)]
    if len(meant) != 1:
        known = ", ".join(place.name or place.folder for place in places)
        how_many = "no robot is" if not meant else "several robots are"
        raise SettingsError(f"{path}: {how_many} listed as {word!r}; listed are {known or 'none'}")
    return without_robot(text, meant[0], str(path))
