"""fleet.toml -> which robots there are, and what is shared among them. Every mistake with file and key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import SettingsError
from fsm_robot.fleet.health import Rules

USUAL_NAME = "fleet.toml"
LARGEST_BYTES = 1 << 20
SECTIONS = ("fleet", "health", "metrics", "robots", "shared")
ROBOT_KEYS = ("folder", "name", "host", "command", "settings")
LONGEST_WAIT_S, LONGEST_EVERY_MIN = 600.0, 7 * 24 * 60.0


@attrs.frozen
class Place:
    """Where one robot is, or several.

    Attributes:
        folder: Of its robot.toml, or its storage folder; with `*` a pattern.
        name: What the robot is called; empty: as its folder, which several are in any case.
        host: Which machine it is on; empty: this one.
        command: What asks that machine's fsm-robot: gets arguments behind it, and gives its output back.
        settings: What differs for this robot, by section and key.
    """

    folder: str
    name: str = ""
    host: str = ""
    command: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, object]] = attrs.field(factory=dict)

    @property
    def is_pattern(self) -> bool:
        """Whether it may be several."""
        return any(character in self.folder for character in "*?[")


@attrs.frozen
class Fleet:
    """What a fleet.toml says.

    Attributes:
        path: The file.
        places: Of robots.
        rules: From when on something is wrong.
        wait_s: How long one place may take to answer.
        notify_command: Called with JSON on its standard input; empty: nobody.
        notify_every_min: The least time between two calls for the same trouble of the same robot.
        metrics: File for Prometheus's node exporter; empty: none.
        shared: Settings of all robots, by section and key.
    """

    path: Path
    places: tuple[Place, ...] = ()
    rules: Rules = attrs.field(factory=Rules)
    wait_s: float = 10.0
    notify_command: tuple[str, ...] = ()
    notify_every_min: float = 60.0
    metrics: str = ""
    shared: Mapping[str, Mapping[str, object]] = attrs.field(factory=dict)

    @property
    def base(self) -> Path:
        """What relative folders start at."""
        return self.path.absolute().parent


def read(path: Path) -> Fleet:
    """Return what a fleet.toml says.

    Raises:
        SettingsError: One line per mistake.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; `fsm-robot fleet add FOLDER` writes one") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_BYTES:
        raise SettingsError(f"{path}: is larger than {LARGEST_BYTES >> 10} KiB; this is not a fleet.toml")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text; save the file as UTF-8") from error
    return from_text(path, text)


def from_text(path: Path, text: str) -> Fleet:
    """Return what the text of a fleet.toml at `path` says. Raises `SettingsError`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path}: is not valid TOML: {error}; paths need '…' quotes where they hold a \\"
        ) from error
    reader = _Reader(path)
    fleet = reader.fleet(document)
    if reader.problems:
        raise SettingsError(reader.problems)
    return fleet


@attrs.define(eq=False, repr=False)
class _Reader:
    path: Path
    problems: list[str] = attrs.field(factory=list)

    def fleet(self, document: Mapping[str, Any]) -> Fleet:
        self._unknown("", document, SECTIONS)
        own = self._section(document, "fleet")
        health = self._section(document, "health")
        self._unknown("fleet.", own, ("wait_s", "notify_command", "notify_every_min"))
        metrics = self._section(document, "metrics")
        self._unknown("metrics.", metrics, ("textfile",))
        shared = self._tables("shared", document.get("shared", {}))
        robots = document.get("robots", [])
        if not isinstance(robots, list) or not all(isinstance(each, dict) for each in robots):
            self._wrong("robots", "must be tables: [[robots]]")
            robots = []
        return Fleet(
            self.path,
            places=tuple(self._place(number, each) for number, each in enumerate(robots, 1)),
            rules=self._rules(health),
            wait_s=self._number("fleet.wait_s", own.get("wait_s", 10.0), 0.1, LONGEST_WAIT_S),
            notify_command=self._texts("fleet.notify_command", own.get("notify_command", [])),
            notify_every_min=self._number(
                "fleet.notify_every_min", own.get("notify_every_min", 60.0), 0, LONGEST_EVERY_MIN
            ),
            metrics=self._text("metrics.textfile", metrics.get("textfile", "")),
            shared=shared,
        )

    def _place(self, number: int, values: Mapping[str, Any]) -> Place:
        where = f"robots[{number}]."
        self._unknown(where, values, ROBOT_KEYS)
        place = Place(
            folder=self._text(f"{where}folder", values.get("folder", "")),
            name=self._text(f"{where}name", values.get("name", "")),
            host=self._text(f"{where}host", values.get("host", "")),
            command=self._texts(f"{where}command", values.get("command", [])),
            settings=self._tables(f"{where}settings", values.get("settings", {})),
        )
        if not place.folder:
            self._wrong(f"{where}folder", "is missing; say where the robot is, or a pattern such as 'D:\\robots\\*'")
        if place.host and not place.command:
            self._wrong(
                f"{where}command", 'is missing; for another host say what reaches it: ["ssh", "srv1", "fsm-robot"]'
            )
        if place.command and not place.host:
            self._wrong(f"{where}host", "is missing; say which machine the command leads to")
        if place.name and place.is_pattern:
            self._wrong(f"{where}name", "cannot be that of several robots; a pattern gives each the name of its folder")
        return place

    def _rules(self, values: Mapping[str, Any]) -> Rules:
        names = [field.name for field in attrs.fields(Rules)]
        self._unknown("health.", values, names)
        read = {name: self._number(f"health.{name}", values[name], 0, 1e9) for name in names if name in values}
        whole = {name: int(value) for name, value in read.items() if isinstance(getattr(Rules(), name), int)}
        return Rules(**{**read, **whole})  # type: ignore[arg-type]  # each number fits its field

    def _section(self, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        values = document.get(name, {})
        if isinstance(values, dict):
            return values
        self._wrong(name, f"must be a section: [{name}]")
        return {}

    def _tables(self, where: str, values: Any) -> dict[str, dict[str, object]]:
        if not isinstance(values, dict) or not all(isinstance(each, dict) for each in values.values()):
            self._wrong(where, f"must be sections of robot.toml: [{where}.scripts]")
            return {}
        if "robot_guid" in values.get("orchestrator", {}):
            self._wrong(f"{where}.orchestrator.robot_guid", "is a robot's password and must not be in fleet.toml")
        return values

    def _number(self, where: str, value: Any, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self._wrong(where, f"must be a number from {low:g} to {high:g}")
            return low
        return float(value)

    def _text(self, where: str, value: Any) -> str:
        if isinstance(value, str) and value.isprintable():
            return value
        self._wrong(where, "must be a text in quotes; paths in '…' quotes")
        return ""

    def _texts(self, where: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        self._wrong(where, 'must be a list of texts, such as ["ssh", "srv1", "fsm-robot"]')
        return ()

    def _unknown(self, where: str, values: Mapping[str, Any], known: tuple[str, ...] | list[str]) -> None:
        for key in values:
            if key not in known:
                self._wrong(f"{where}{key}", f"unknown{did_you_mean(key, known)}")

    def _wrong(self, key: str, problem: str) -> None:
        self.problems.append(f"{self.path}: {key}: {problem}")
