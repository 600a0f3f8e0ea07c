"""Faults that were ordered, and the answers that they hold back."""

from __future__ import annotations

import time

import attrs

from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.tables.database import Database, Row


@attrs.frozen
class FaultTable:
    """Faults in the order in which they strike: the oldest first."""

    file: Database

    def add(self, fault: Fault) -> None:
        """Let the orchestrator misbehave from now on."""
        # The system's clock, for the moment is read by other processes and by the next start.
        until_s = None if fault.for_s is None else time.time() + fault.for_s
        self.file.insert("faults", {"text": fault.text, "times_left": fault.times, "until_s": until_s})

    def clear(self) -> None:
        """Let the orchestrator behave again, and send what was held back."""
        with self.file.transaction() as db:
            db.execute("DELETE FROM faults")
            db.execute("DELETE FROM held")

    def in_force(self) -> list[tuple[Fault, int | None]]:
        """Return the faults in force and how many times each will still strike, None for ever."""
        query = "SELECT * FROM faults WHERE until_s IS NULL OR until_s > ?"
        return [(Fault.parse(row["text"]), row["times_left"]) for row in self.file.rows(query, time.time())]

    def next(self, endpoints: tuple[str, ...], chance: float) -> Fault | None:
        """Return the fault that strikes a call now, used up by one, or None.

        Args:
            endpoints: Every name that the call goes by, such as `heartbeat` and `beat`.
            chance: A random number from 0 to 1, for faults with a probability.
        """
        for row in self.file.rows("SELECT * FROM faults ORDER BY row_id"):
            fault = Fault.parse(row["text"])
            if fault.endpoint not in endpoints or chance >= fault.probability or not self._use_up(row):
                continue
            return fault
        return None

    def hold(self, name: str) -> int:
        """Write down that an answer is held back; return its number."""
        return self.file.insert("held", {"name": name})

    def is_held(self, number: int) -> bool:
        """Return whether that answer is still to be held back."""
        return self.file.row("SELECT 1 FROM held WHERE row_id = ?", number) is not None

    def held(self) -> list[str]:
        """Return the names of the answers that are held back, oldest first."""
        return [str(row["name"]) for row in self.file.rows("SELECT name FROM held ORDER BY row_id")]

    def release(self, name: str) -> int:
        """Send every answer that is held back under a name; return how many there were."""
        with self.file.transaction() as db:
            return int(db.execute("DELETE FROM held WHERE name = ?", (name,)).rowcount)

    def _use_up(self, row: Row) -> bool:
        if row["until_s"] is not None and row["until_s"] <= time.time():
            return False
        if row["times_left"] is None:
            return True
        with self.file.transaction() as db:
            # Asked and used up at once: two calls must not share the last time.
            query = "UPDATE faults SET times_left = times_left - 1 WHERE row_id = ? AND times_left > 0"
            used = db.execute(query, (row["row_id"],)).rowcount > 0
            db.execute("DELETE FROM faults WHERE times_left <= 0")
        return used
