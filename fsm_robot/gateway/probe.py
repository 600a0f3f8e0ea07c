"""What a real server does where the vendor's pages leave it open: tried on things made for it, which are deleted again.

Names and values are those of the embedded orchestrator's quirks, so that it can be told to do the same.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.errors import GatewayError, RobotError
from fsm_robot.gateway.failures import Answer
from fsm_robot.gateway.http import HttpGateway

PARALLEL_TAGS = 20
LOG_LINES = 130
"""How many lines are sent at once to see whether there is a limit of one or two a second."""
_FAR = "2999-01-01 00:00:00"
_CONTENT = b"\x00fsm-robot\xff"
_ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "base16": base64.b16decode, "base32": base64.b32decode, "base64": base64.b64decode,
}  # fmt: skip


class ProbeError(RobotError):
    """The server cannot be probed."""

    exit_code = 4


@attrs.frozen
class Finding:
    """What was found.

    Attributes:
        name: What was looked at, the name of a quirk where there is one.
        value: What the server does, empty where that could not be seen.
        note: What was seen.
    """

    name: str
    value: str
    note: str


@attrs.frozen
class Report:
    """What was found, verbs that had to be used in the place of published ones, and what could not be deleted."""

    findings: list[Finding]
    verbs: Mapping[str, str]
    left: list[str]


def will_make(name: str, log_lines: int = LOG_LINES) -> list[str]:
    """Return what a probe makes at the server, for people who have to allow it."""
    return [
        f"two queues, {name} and {name}-unique, with up to eight tasks; deleted again",
        f"a folder {name} with a file of {len(_CONTENT)} bytes; deleted again",
        f"up to {log_lines + 4} log lines that begin with `fsm-robot probe`; they stay, no call deletes single ones",
        "one call without a credential, which is refused",
    ]


@attrs.define(eq=False)
class Probe:
    """One visit of a server.

    Attributes:
        gateway: Makes the calls, one at a time.
        another: Opens one more, for calls at the same time.
        nobody: Opens one that shows no credential.
        log_lines: How many lines are sent at once, to see whether there is a limit; 0: that is not tried.
        name: What everything that is made is called.
        job: GUID of a job that has ended, for what only a job can show; empty for none.
    """

    gateway: HttpGateway
    another: Callable[[], HttpGateway]
    name: str
    nobody: Callable[[], HttpGateway]
    job: str = ""
    log_lines: int = LOG_LINES
    _lines_taken: int = attrs.field(default=0, init=False)
    _found: list[Finding] = attrs.field(factory=list, init=False)
    _verbs: dict[str, str] = attrs.field(factory=dict, init=False)
    _made: list[tuple[str, str]] = attrs.field(factory=list, init=False)
    _left: list[str] = attrs.field(factory=list, init=False)

    def run(self) -> Report:
        """Try everything, delete what was made, and return what was found.

        Raises:
            GatewayError: The server cannot be reached, or refuses the credential.
            ProbeError: Not even a queue can be made there.
        """
        try:
            self._try_everything()
        finally:
            self._delete_everything()
        return Report(self._found, self._verbs, self._left)

    def _try_everything(self) -> None:
        queue = self._create("queue", Name=self.name)
        if not queue:
            raise ProbeError(f"{self.gateway.url}: queue/create makes no queue, so nothing can be tried there")
        tries = (
            self._names, self._unknown, self._empty, self._tasks, self._updates, self._tags, self._unique,
            self._postponed, self._job_field, self._nobody, self._logs, self._file, self._log_limit,
        )  # fmt: skip
        for each in tries:
            try:
                each(queue)
            except GatewayError as error:
                if error.kind in ("no_connection", "refused"):
                    raise
                self._tell(each.__name__.strip("_"), "", str(error))

    # ---- what is tried

    def _names(self, queue: str) -> None:
        answer = self._call("GET", f"queue/read/{quote(self.name)}")
        on = answer.is_success and _row(answer).get("guid") == queue
        self._tell("names", "on" if on else "off", f"queue/read by name: HTTP {answer.status}")

    def _unknown(self, _: str) -> None:
        answer = self._call("GET", f"task/read/{uuid.uuid4()}")
        empty = answer.is_success and not _row(answer)
        value = "200-empty" if empty else "500" if answer.status >= 500 else "404" if answer.status == 404 else ""
        self._tell("unknown", value, f"a task that is not there: HTTP {answer.status}, {answer.shown}")

    def _empty(self, queue: str) -> None:
        answer = self._call("GET", f"queue/lastTask/{queue}")
        text = "".join(answer.data.decode("utf-8", "replace").split())
        value = text if answer.is_success and text in ("[]", "{}", "null", "false") else ""
        self._tell("empty_last", value, f"lastTask of an empty queue: HTTP {answer.status}, {answer.shown}")

    def _tasks(self, queue: str) -> None:
        guid = self._task(queue, "first")
        first, second = (_row(self._call("GET", f"queue/lastTask/{queue}")) for _ in range(2))
        read = _row(self._call("GET", f"task/read/{guid}"))
        self._tell(
            "task_rows", "strings" if isinstance(first.get("status"), str) else "structured", "status in lastTask"
        )
        reserves = second.get("guid") != first.get("guid") or str(read.get("status")) != "0"
        self._tell("reserves", "yes" if reserves else "no", "whether lastTask keeps a task from the next who asks")
        self._tell("parameters", _parameters_form(first.get("parameters")), "of a task in lastTask")
        self._tell("task_read", "full" if "parameters" in read else "published", "whether task/read has parameters")
        listed = self._call("POST", f"task/filter/list/{queue}", Name=self.name, status=4)
        document = _document(listed)
        value = ("off" if document else "on") if listed.is_success and isinstance(document, list) else ""
        self._tell("filters", value, "filter/list by a status that no task has")

    def _updates(self, queue: str) -> None:
        guid = self._task(queue, "absent", comment="kept")
        self._write("task/update", guid=guid, priority=2)
        read = _row(self._call("GET", f"task/read/{guid}"))
        value = "keep" if read.get("comment") == "kept" else "reset"
        self._tell("absent", value, "a field that an update does not name")
        self._write("task/update", guid=guid, priority=0)
        low = str(_row(self._call("GET", f"task/read/{guid}")).get("priority"))
        self._tell("task_priority", "low0" if low == "0" else "low1", "whether a task may have priority 0")

    def _tags(self, queue: str) -> None:
        guid = self._task(queue, "tags")
        self._write("task/addTag", TaskGuid=guid, TagNames="before")
        verb = self._verbs.get("task/addTag", "PUT")
        barrier = threading.Barrier(PARALLEL_TAGS)

        def add(number: int) -> None:
            gateway = self.another()
            try:
                barrier.wait(30)
                gateway.look("/api/task/addTag", verb, _form({"TaskGuid": guid, "TagNames": f"t{number}"}))
            except (GatewayError, threading.BrokenBarrierError):
                return  # a tag that is not there is seen below
            finally:
                gateway.close()

        threads = [threading.Thread(target=add, args=(number,)) for number in range(PARALLEL_TAGS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tags = str(_row(self._call("GET", f"task/read/{guid}")).get("tags") or "").split(";")
        kept = len([tag for tag in tags if tag and tag != "before"])
        value = "atomic" if kept == PARALLEL_TAGS else "racy" if kept else ""
        self._tell("add_tag", value, f"{kept} of {PARALLEL_TAGS} tags that were added at once are there")
        answer = self._write("task/removeTag", "DELETE", TaskGuid=guid, TagNames="t0")
        self._tell(
            "remove_tag", "works" if answer.is_success else "refused", f"DELETE with a body: HTTP {answer.status}"
        )

    def _unique(self, _: str) -> None:
        queue = self._create("queue", Name=f"{self.name}-unique", UniqueTasks=1)
        first = self._task(queue, "twice")
        answer = self._call("POST", "task/create", name="twice", queue_guid=queue)
        guid = _guid(answer)
        self._made += [("task", guid)] if guid and guid != first else []
        value = "" if guid and guid != first else "200" if answer.is_success else "400"
        self._tell(
            "duplicate", value, f"a second name in a queue of unique tasks: HTTP {answer.status}, {answer.shown}"
        )

    def _postponed(self, queue: str) -> None:
        guid = self._task(queue, "postponed")
        self._write("task/update", guid=guid, status=5, postponed=_FAR)
        kept = str(_row(self._call("GET", f"task/read/{guid}")).get("postponed") or "").startswith("2999")
        self._tell("postponed", "kept" if kept else "ignored", "the time of a postponed task")

    def _job_field(self, queue: str) -> None:
        if not self.job:
            self._tell("job_field", "", "needs --job, the GUID of a job that has ended")
            return
        guid, seen = self._task(queue, "job"), []
        for spelling in ("job_guid", "JobGUID"):
            self._write("task/update", guid=guid, status=0)
            self._write("task/update", guid=guid, status=1, **{spelling: self.job})
            if _row(self._call("GET", f"task/read/{guid}")).get("job_id") not in (None, "", "0", 0):
                seen.append(spelling)
        value = "any" if len(seen) == 2 else seen[0] if seen else "none"
        self._tell("job_field", value, "the spelling at which task/update writes job_id")

    def _nobody(self, queue: str) -> None:
        gateway = self.nobody()
        try:
            answer = gateway.look(f"/api/queue/read/{queue}")
        finally:
            gateway.close()
        value = str(answer.status) if answer.status in (401, 403) else ""
        self._tell("no_credential", value, f"a call without a credential: HTTP {answer.status}")

    def _logs(self, _: str) -> None:
        answers = {level: self._line(level=level) for level in ("Info", "1")}
        taken = [level for level, answer in answers.items() if answer.is_success]
        value = "any" if len(taken) == 2 else {"Info": "text", "1": "number"}[taken[0]] if taken else ""
        self._tell("level", value, "levels that log/create takes: " + (", ".join(taken) or "none"))
        if taken:
            self._tell("log_answer", "guid" if _guid(answers[taken[0]]) else "list", answers[taken[0]].shown)
        self._level_numbers(takes_numbers="1" in taken)
        if not self.job:
            self._tell("log_after_end", "", "needs --job, the GUID of a job that has ended")
            return
        late = self._line(job_guid=self.job)
        self._tell("log_after_end", "take" if late.is_success else "refuse", f"HTTP {late.status}")

    def _level_numbers(self, *, takes_numbers: bool) -> None:
        """Send the one number that is a harmless level in one of the two orders, and none in the other."""
        if not takes_numbers:
            self._tell("level_numbers", "", "log/create takes no numbers")
            return
        answer = self._line(level="0", mark=" level 0")
        shown = [row for row in self._lines() if str(row.get("message")).endswith(" level 0")]
        level = str(shown[-1].get("level")) if shown else "Debug"
        value = "info1" if not answer.is_success else "debug0" if level in ("Debug", "0") else ""
        self._tell("level_numbers", value, f"a line of level 0: HTTP {answer.status}, shown as {level or 'nothing'}")

    def _log_limit(self, _: str) -> None:
        """Send many lines at once: those of this visit count from its first one, a minute ago at most."""
        if not self.log_lines:
            self._tell("log_limit", "", "needs --log-lines, how many may be sent at once")
            return
        for number in range(1, self.log_lines + 1):
            answer = self._line(mark=f" {number}")
            if answer.status in (429, 503):
                note = f"line {self._lines_taken + 1} of this visit: HTTP {answer.status}"
                self._tell("log_limit", f"{self._lines_taken}/min:429", note)
                return
            if not answer.is_success:
                self._tell("log_limit", "", f"log/create: HTTP {answer.status}, {answer.shown}")
                return
        kept, taken = len(self._lines()), counted(self._lines_taken, "line")
        if not kept:
            self._tell("log_limit", "", f"after {taken} that the server took, log/list shows none")
        elif kept < self._lines_taken:
            self._tell("log_limit", f"{kept}/min:drop", f"of {taken} that the server took, log/list shows {kept}")
        else:
            self._tell("log_limit", "off", f"{counted(kept, 'line')} at once: log/list shows all")

    def _line(self, mark: str = "", **fields: object) -> Answer:
        answer = self._call("POST", "log/create", message=f"fsm-robot probe {self.name}{mark}", **fields)
        self._lines_taken += answer.is_success
        return answer

    def _lines(self) -> list[dict[str, Any]]:
        """Return the lines of this visit that the server shows."""
        document = _document(self._call("POST", "log/list"))
        rows = [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []
        lowered = [{key.lower(): value for key, value in row.items()} for row in rows]
        return [row for row in lowered if self.name in str(row.get("message"))]

    def _file(self, _: str) -> None:
        folder = self._create("folders", Name=self.name)
        text = base64.b16encode(_CONTENT).decode()
        made = self._call("POST", "files/create", Name=self.name, folder_guid=folder, file=text)
        if not made.is_success:
            self._tell("file_read", "", f"files/create with a text of base 16: HTTP {made.status}, {made.shown}")
            return
        read = self._call("GET", f"files/read/{quote(self.name)}")
        if read.status == 404:
            note = "a file is not found by its name, and nothing tells its GUID; it goes with its folder"
            self._tell("file_read", "", note)
            return
        self._made.append(("files", quote(self.name)))
        self._tell("file_read", _file_form(read), "how files/read gives a file")

    # ---- making and deleting

    def _task(self, queue: str, name: str, **fields: object) -> str:
        return self._create("task", name=name, queue_guid=queue, parameters='{"a": 1}', **fields)

    def _create(self, family: str, **fields: object) -> str:
        guid = _guid(self._call("POST", f"{family}/create", **fields))
        if guid:
            self._made.append((family, guid))
        return guid

    def _delete_everything(self) -> None:
        for family, name in reversed(self._made):
            try:
                answer = self.gateway.look(f"/api/{family}/delete/{name}", "DELETE")
            except GatewayError:
                answer = Answer(0)
            if not answer.is_success:
                self._left.append(f"{family} {name}")

    def _write(self, call: str, usual: str = "PUT", /, **fields: object) -> Answer:
        """Write with the published verb, or with POST where the server does not take that."""
        answer = self._call(self._verbs.get(call, usual), call, **fields)
        if answer.verb_unknown and call not in self._verbs:
            second = self._call("POST", call, **fields)
            if second.is_success:
                self._verbs[call] = "POST"
                return second
        return answer

    def _call(self, verb: str, call: str, **fields: object) -> Answer:
        answer = self.gateway.look(f"/api/{call}", verb, _form(fields) if fields else b"")
        if answer.status in (401, 403):
            raise ProbeError(
                f"{self.gateway.url}: {call} refuses the credential (HTTP {answer.status}, {answer.shown})"
            )
        return answer

    def _tell(self, name: str, value: str, note: str) -> None:
        self._found.append(Finding(name, value, note))


def _form(fields: Mapping[str, object]) -> bytes:
    return urlencode(fields).encode()


def _document(answer: Answer) -> Any:
    try:
        return json.loads(answer.data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _row(answer: Answer) -> Mapping[str, Any]:
    found = _document(answer)
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, dict) else {}


def _guid(answer: Answer) -> str:
    row = {key.lower(): value for key, value in _row(answer).items()} if answer.is_success else {}
    return str(row.get("guid") or "")


def _parameters_form(value: Any) -> str:
    if isinstance(value, dict):
        return "object"
    try:
        return "nested" if isinstance(json.loads(value), str) else "text"
    except (TypeError, ValueError):
        return ""


def _file_form(answer: Answer) -> str:
    if answer.data == _CONTENT:
        return "bytes"
    text = str(_row(answer).get("file") or "")
    for name, decode in _ENCODINGS.items():
        try:
            if decode(text) == _CONTENT:
                return name
        except ValueError:
            continue
    return ""
