"""What robots called, and what was answered. Old calls are dropped."""

from __future__ import annotations

import json

import attrs

from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.tables.database import Database

KEPT_CALLS = 100_000
_COLUMNS = [field.name for field in attrs.fields(CallRow) if field.name != "seq"]


@attrs.frozen
class CallTable:
    """Calls in the order of their arrival."""

    file: Database

    def add(self, call: CallRow) -> None:
        """Write down a call; the number of `call` is given by the file."""
        values = {name: getattr(call, name) for name in _COLUMNS}
        values["fields"] = json.dumps(dict(call.fields), ensure_ascii=False)
        seq = self.file.insert("calls", values, key="seq")
        if seq % 1000 == 0:
            with self.file.reading() as db:
                db.execute("DELETE FROM calls WHERE seq <= ?", (seq - KEPT_CALLS,))

    def after(self, seq: int) -> list[CallRow]:
        """Return the calls with a number above `seq`."""
        # By arrival: the number is that of the answer, for only then a call is written down.
        rows = self.file.rows("SELECT * FROM calls WHERE seq > ? ORDER BY at, seq", seq)
        return [CallRow(**{**dict(row), "fields": json.loads(row["fields"])}) for row in rows]
