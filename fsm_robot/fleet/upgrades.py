"""A new version of the program for the robots of this machine: for one first, for the others once that one has worked.

A robot is started by the launcher of a place, a folder of versions (`operations/versions.py`); `schedule install`
writes down which one. Nothing that runs is touched: its next start is of the version that is current then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.file import Fleet
from fsm_robot.fleet.looking import look_at, read_schedule
from fsm_robot.fleet.sharing import named_configs
from fsm_robot.fleet.sight import Sight
from fsm_robot.operations.folders import storage_of
from fsm_robot.operations.versions import Place, version_of
from fsm_robot.system.held import PATIENCE, put_whole

FOR_PEOPLE = "python PLACE/fsm-robot.py schedule install"


@attrs.frozen
class Home:
    """A place, and the robots that are started from it."""

    place: Place
    robots: tuple[str, ...]


@attrs.frozen
class Upgrade:
    """Leads the places of a fleet to a version, and back.

    Attributes:
        fleet: Whose.
        only: The one robot that is meant; empty: all.
    """

    fleet: Fleet
    only: str = ""

    @property
    def path(self) -> Path:
        """What leads back: the places that were switched, and to what."""
        return self.fleet.path.absolute().with_name(f"{self.fleet.path.stem}-upgrade.json")

    def to(self, file: Path, *, untried: bool) -> Iterator[str]:
        """Let the places start another version; yield a line for each that is switched.

        Args:
            file: The fsm-robot.pyz.
            untried: Whether no robot need have worked with it.

        Raises:
            SettingsError: It cannot be, or should not be; what was switched before that is told.
        """
        version, homes = version_of(file), self._homes()
        due = [home for home in homes if home.place.choice().current != version]
        if not due:
            raise SettingsError(f"every robot that is meant is started with {version} already")
        if not self.only and not untried:
            self._check_tried(version)
        for home in due:
            home.place.add(file)  # for all, before the first is switched
        for home in due:
            # First what leads back: a switch that nobody can take back is none.
            self._remember(version, {*self._switched(version), str(home.place.folder)})
            before = home.place.choice().current
            home.place.use(version)
            yield f"{home.place.folder}: {before} -> {version} for {', '.join(home.robots)}, from its next start on"

    def back(self) -> Iterator[str]:
        """Lead back the places that were switched last; yield a line for each. Raises `SettingsError`."""
        version = str(self._told().get("version") or "")
        switched = self._switched(version)
        homes = [home for home in self._homes() if str(home.place.folder) in switched]
        due = [home for home in homes if home.place.choice().current == version]
        if not due:
            raise SettingsError(f"{self.path}: tells of no switch that could be taken back here")
        for home in due:
            before = home.place.back().current
            switched.discard(str(home.place.folder))
            self._remember(version, switched)
            yield f"{home.place.folder}: {version} -> {before} for {', '.join(home.robots)}, from its next start on"

    # ---- pieces

    def _homes(self) -> list[Home]:
        """Return the places of the robots that are meant. Raises `SettingsError` where one has none."""
        found: dict[str, list[str]] = {}
        for config, name in named_configs(self.fleet).items():
            place = read_schedule(storage_of(config)).get("place")
            if isinstance(place, str) and place:
                found.setdefault(place, []).append(name)
            elif self.only in ("", name):
                raise SettingsError(
                    f"{name}: is not started from a place of versions; {FOR_PEOPLE} in its folder does it"
                )
        meant = {place: names for place, names in found.items() if not self.only or self.only in names}
        if not meant:
            raise SettingsError(f"{self.fleet.path}: no robot of this machine is called {self.only!r}")
        for place, names in meant.items():
            others = [name for name in names if name != self.only]
            if self.only and others:
                raise SettingsError(
                    f"{place}: starts {', '.join(others)}, too; to try a version on {self.only} alone give it a place"
                    f" of its own: fsm-robot versions add FILE --place FOLDER, then {FOR_PEOPLE} there"
                )
        return [Home(Place(Path(place)), tuple(names)) for place, names in meant.items()]

    def _check_tried(self, version: str) -> None:
        """Refuse a version that no robot of the fleet has worked with, or that one is sick with."""
        having = [sight for sight in self._sights() if sight.version == version]
        sick = [sight for sight in having if sight.problems]
        if sick:
            raise SettingsError(
                f"{sick[0].name} has run with {version} and needs a look: {sick[0].problems[0].text};"
                f" fsm-robot fleet upgrade --back --robot {sick[0].name} goes back, --untried upgrades anyway"
            )
        if not having:
            raise SettingsError(
                f"no robot of this fleet has run with {version} yet; try it on one first (--robot NAME), or say"
                " --untried"
            )

    def _sights(self) -> Sequence[Sight]:
        return [look_at(config, name, self.fleet.rules) for config, name in named_configs(self.fleet).items()]

    def _told(self) -> Mapping[str, object]:
        try:
            told = json.loads(PATIENCE.content(self.path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise SettingsError(f"{self.path}: cannot be read, so there is no way back: {error}") from error
        return told if isinstance(told, dict) else {}

    def _switched(self, version: str) -> set[str]:
        told = self._told()
        places = told.get("places")
        return set(map(str, places)) if told.get("version") == version and isinstance(places, list) else set()

    def _remember(self, version: str, places: set[str]) -> None:
        content = json.dumps({"schema": 1, "version": version, "places": sorted(places)}).encode("ascii")
        try:
            put_whole(self.path, content, mode=0o644, lasting=True)
        except OSError as error:
            raise SettingsError(f"{self.path}: cannot be written: {error.strerror or error}") from error


def lines_of(told: Iterator[str]) -> tuple[list[str], bool]:
    """Return a line for each that was switched, and whether all went well; the first that fails ends it."""
    lines: list[str] = []
    try:
        for line in told:
            lines.append(line)
    except RobotError as error:
        if not lines:
            raise
        return [*lines, f"{str(error).splitlines()[0]}; the others were left as they are"], False
    return lines, True
