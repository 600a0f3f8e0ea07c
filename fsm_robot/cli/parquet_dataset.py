"""A dataset of Parquet files, one for each robot and day, to which a later export adds what is new.

    DATASET/_fsm_robot.json                         what the dataset is made of; readers pass over names that begin so
    DATASET/robot=robot-3f0c…/day=2026-11-23/events.parquet

A file knows its runs by the chain of their lines: a run that it has is not written again, one that has grown meanwhile
(it was going on) is put in the place of its beginning. A file is written beside its place, and then moved there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.analyst.eventlog.activities import NO_STAMP, Run, View, activities_of, utc_stamp
from fsm_robot.analyst.eventlog.plain_text import carried
from fsm_robot.errors import SettingsError
from fsm_robot.system.held import put_whole

if TYPE_CHECKING:
    import pyarrow

MADE_OF, FILE = "_fsm_robot.json", "events.parquet"
FORMAT = 1
RUNS_KEY = b"fsm_robot.runs"
ROWS_AT_ONCE = 1 << 14
"""So many rows are held, and make a group of rows of a file."""
NEEDED = "--format parquet needs pyarrow: pip install 'fsm_robot[parquet]'"
TEXTS = ("activity", "lifecycle", "kind", "event", "transition", "run", "job", "script", "outcome")


@attrs.define
class Added:
    """What an export has done: runs that were added, that have grown, that were there, and lines that were written."""

    new: int = 0
    grown: int = 0
    known: int = 0
    rows: int = 0


@attrs.frozen
class _Known:
    """A run in a file: the chain values of its first and of its last line."""

    begin: str
    last: str


def write_dataset(folder: Path, runs: Iterable[Run], view: View) -> Added:
    """Add to the dataset in `folder` what it does not have of `runs`, of which one is held at a time.

    Raises:
        SettingsError: pyarrow is not there, the folder is something else or of another view, or cannot be written.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise SettingsError(NEEDED) from error
    added = Added()
    try:
        _prepare(folder, view)
        for (robot, day), of_the_day in groupby(runs, key=lambda run: (run.robot, _day(run))):
            place = folder / f"robot={robot}" / f"day={day}" / FILE
            _Day(place, view, added).take(of_the_day)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return added


def _prepare(folder: Path, view: View) -> None:
    """Make the folder, or see that what is there is a dataset of the same view."""
    made_of = {"format": FORMAT, **attrs.asdict(view)}
    marker = folder / MADE_OF
    if marker.exists():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if found != made_of:
            raise SettingsError(
                f"{folder}: was made with other options ({marker.name} has them); one dataset holds one kind of lines"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder}: is not a dataset of this program and is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    put_whole(marker, (json.dumps(made_of) + "\n").encode("ascii"), mode=0o644)


def _day(run: Run) -> str:
    """Return the day on which a run began."""
    stamps = (utc_stamp(step.at) for record in run.records if record.kind == "step" for step in (record.step,))
    return (next((stamp for stamp in stamps if stamp), NO_STAMP))[:10]


@attrs.define
class _Day:
    """The file of a robot and a day."""

    place: Path
    view: View
    added: Added

    def take(self, runs: Iterable[Run]) -> None:
        """Write the file anew if one of the runs is not in it, or has grown."""
        known = self._known()
        waiting = (self._looked_at(run, known) for run in runs)
        first = next((run for run in waiting if run), None)
        if first is None:
            return
        part = self.place.with_name(f".{FILE}.{os.getpid()}.part")
        self.place.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._write(part, known, first, waiting)
            part.replace(self.place)
        finally:
            part.unlink(missing_ok=True)

    def _known(self) -> dict[str, _Known]:
        from pyarrow import ArrowInvalid, parquet

        if not self.place.exists():
            return {}
        try:
            told = (parquet.read_metadata(self.place).metadata or {}).get(RUNS_KEY)
            return {name: _Known(*chains) for name, chains in json.loads(told or "null").items()}
        except (ArrowInvalid, ValueError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"{self.place}: is not a file of this dataset; move it away and export again"
            ) from error

    def _looked_at(self, run: Run, known: dict[str, _Known]) -> Run | None:
        """Return the run, under a name that no other run of the file has, if it has to be written."""
        mine = _Known(run.records[0].chain, run.records[-1].chain)
        alike = {name: one for name, one in known.items() if one.begin == mine.begin}
        chains = {record.chain for record in run.records} if alike else set()
        beginning = next((name for name, one in alike.items() if one.last in chains), None)
        # The same, or now only its beginning is given.
        if mine in alike.values() or (beginning is None and run.name in alike):
            self.added.known += 1
            return None
        name, number = beginning or run.name, 1
        while not beginning and name in known:
            number += 1
            name = f"{run.name}~{number}"
        self.added.grown += 1 if beginning else 0
        self.added.new += 0 if beginning else 1
        known[name] = mine
        return attrs.evolve(run, name=name)

    def _write(self, part: Path, known: dict[str, _Known], first: Run, others: Iterator[Run | None]) -> None:
        from pyarrow import parquet

        old = parquet.ParquetFile(self.place) if self.place.exists() else None
        try:
            with parquet.ParquetWriter(part, _schema(), compression="zstd") as writer:
                new: list[str] = []
                for rows in _batches(self._rows(first, others, new)):
                    writer.write_table(rows)
                    self.added.rows += rows.num_rows
                for batch in old.iter_batches(batch_size=ROWS_AT_ONCE) if old else ():
                    writer.write_table(_without(batch, new))
                told = json.dumps({name: [run.begin, run.last] for name, run in known.items()})
                writer.add_key_value_metadata({RUNS_KEY: told.encode()})
        finally:
            if old:
                old.close()

    def _rows(self, first: Run, others: Iterator[Run | None], new: list[str]) -> Iterator[tuple[object, ...]]:
        for run in _present(first, others):
            new.append(run.id)
            for seq, line in enumerate(activities_of(run, self.view), start=1):
                texts = (line.name, line.lifecycle, line.kind, line.event, line.transition, line.run)
                yield (
                    *map(_plain, texts),
                    *map(_plain, (line.job, line.script, line.outcome)),
                    _milliseconds(line.started),
                    _milliseconds(line.at),
                    line.seconds,
                    seq,
                    line.step,
                )


def _present(first: Run, others: Iterator[Run | None]) -> Iterator[Run]:
    yield first
    yield from (run for run in others if run)


@lru_cache(1024)
def _plain(text: str) -> str:
    """Return a text as all formats have it; a log says the same few words a million times."""
    return carried(text)


def _milliseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    moment = pa.timestamp("ms", tz="UTC")
    return pa.schema(
        [
            *(pa.field(name, pa.string(), nullable=False) for name in TEXTS),
            pa.field("started", moment, nullable=False),
            pa.field("timestamp", moment, nullable=False),
            pa.field("seconds", pa.float64(), nullable=False),
            pa.field("seq", pa.int32(), nullable=False),
            pa.field("step", pa.int64(), nullable=False),
        ]
    )


def _batches(rows: Iterator[tuple[object, ...]]) -> Iterator[pyarrow.Table]:
    import pyarrow as pa

    schema = _schema()
    waiting: list[tuple[object, ...]] = []

    def table(held: Sequence[tuple[object, ...]]) -> pyarrow.Table:
        columns = zip(*held, strict=True)
        return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)

    for row in rows:
        waiting.append(row)
        if len(waiting) == ROWS_AT_ONCE:
            yield table(waiting)
            waiting.clear()
    if waiting:
        yield table(waiting)


def _without(batch: pyarrow.RecordBatch, runs: Sequence[str]) -> pyarrow.Table:
    """Return what a file has had, but for runs that have been written anew."""
    import pyarrow as pa
    from pyarrow import compute

    table = pa.Table.from_batches([batch]).cast(_schema())
    return table.filter(compute.invert(compute.is_in(table["run"], value_set=pa.array(list(runs), pa.string()))))
