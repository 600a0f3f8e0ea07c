"""A folder of JSON files instead of an orchestrator: for a script in an editor, for `fsm-robot try`, for tests.

What a person has written there is never changed. What a script does is kept below `.run/`, and every try begins anew.
The rules of tasks are those of the orchestrator; `tests/sdk` plays the same scripts on both.
"""

from __future__ import annotations

import os

from fsm_robot.sdk import _files_of_run as files_of_run
from fsm_robot.sdk import _undelivered
from fsm_robot.sdk._errors import (
    ConflictError,
    NoRobotError,
    NotFoundError,
    NotSupportedError,
    RefusedError,
    SdkError,
)
from fsm_robot.sdk._values import (
    FAILED_APPLICATION,
    IN_PROGRESS,
    NEW,
    NORMAL,
    POSTPONED,
    has_name,
    has_tags,
    moment,
    moment_text,
    nearest,
    now_text,
    priority_number,
    status_number,
    status_word,
    tag_list,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    Row = dict[str, Any]

RUN_VARIABLE = "FSM_ROBOT_DATA_RUN"
"""Tells the processes that a script starts that its try is under way, so that they do not begin it anew."""
CREDENTIAL, TEXT, CALENDAR = 1, 2, 3
SHORTEST_HIDDEN = 6
HIDDEN = "***"


class Folder:
    """`Transport` on a folder; see docs/sdk.md, "Without a robot".

    `queues/NAME.json` is a list of tasks: `name`, `parameters`, `tags`, `status` and what else a task has, or only the
    parameters under `parameters`. `assets.json` maps names to texts, to `{"login": …, "password": …}` or to
    `{"dates": […]}`. `files/FOLDER/…` is the storage. `task.json` is the job's own task.

    Attributes:
        path: The folder.
        also_hide: Told each text that is to be hidden, before the script has it.
        also_clean: Takes those out of a text in the forms that only a robot knows, such as base64.
    """

    def __init__(self, path: str, *, keep: bool = False, echo: bool = False) -> None:
        """Begin a try, or with `keep` go on with the last one. Raises `NoRobotError`, `RefusedError`."""
        self.path = os.path.abspath(path)
        self._echo = echo
        self._hidden: list[str] = []
        self.also_hide: Callable[[str], object] = lambda _: None
        self.also_clean: Callable[[str], str] = str
        self._files = files_of_run.Files(self.path)
        self._taken: dict[str, None] = {}
        if not os.path.isdir(self.path):
            raise NoRobotError(f"{self.path} is not a folder; the data for a try must be in one")
        if not keep:
            with self._files.lock():
                self._files.begin()

    @classmethod
    def of_process(cls, path: str) -> Folder:
        """Return that of a script started by hand: the first process begins, those that it starts take part."""
        if not path.strip():
            raise NoRobotError("FSM_ROBOT_DATA is empty: set it to a folder, or remove it")
        path = os.path.abspath(path)
        under_way = os.environ.get(RUN_VARIABLE) == path
        os.environ[RUN_VARIABLE] = path
        return cls(path, keep=under_way, echo=True)

    @classmethod
    def joined(cls, path: str) -> Folder:
        """Return one that somebody else has begun."""
        return cls(path, keep=True, echo=True)

    # ---- the two ways in

    def call(self, op: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `Transport.call`."""
        method = getattr(self, f"_do_{op.replace('.', '_')}", None)
        if method is None:
            raise NotSupportedError(f"{op} does not work with a folder of data; it needs a robot")
        with self._files.lock():
            result: Mapping[str, Any] | None = method(**fields)
        return result or {}

    def tell(self, op: str, fields: Mapping[str, Any]) -> None:
        """See `Transport.tell`."""
        try:
            self.call(op, fields)
        except (OSError, SdkError, TypeError, ValueError) as error:
            _undelivered.note(op, f"{self.path} cannot take it: {error}")

    # ---- for who has begun the try

    def adopt(self) -> None:
        """Take over the tasks that another process has in hand: it has ended."""
        with self._files.lock():
            rows = [row for name in ("", *self._files.queues()) for row in self._files.kept_tasks(name) or ()]
            before = [row for name in self._files.queues() for row in self._written(name)]
            held = {row["guid"] for row in before if row["status"] == IN_PROGRESS}
            self._taken = {
                row["guid"]: None for row in rows if row["status"] == IN_PROGRESS and row["guid"] not in held
            }

    def settle(self, comment: str) -> None:
        """Give every task that the script has left open the end that it means: Failed (Application)."""
        with self._files.lock():
            for guid in self._taken:
                if self._task(guid)[2]["status"] == IN_PROGRESS:
                    self._do_task_end(guid, FAILED_APPLICATION, comment)

    def changed(self) -> dict[str, list[Row]]:
        """Return the tasks that are not as they were written, or were added, by their queue."""
        with self._files.lock():
            found = {}
            for name in ("", *self._files.queues()):
                before = {row["guid"]: row for row in (self._written(name) if name else ())}
                rows = self._files.kept_tasks(name) or ()
                there = [{**row, "status_word": status_word(row["status"])} for row in rows]
                changed = [
                    row for row in there if {**before.get(row["guid"], {}), "status_word": row["status_word"]} != row
                ]
                if changed:
                    found[name] = changed
            return found

    def jobs(self) -> list[Row]:
        """Return the jobs that the script has created."""
        return self._files.jobs()

    @property
    def log_file(self) -> str:
        """Where the lines of the log are."""
        return self._files.log_file

    @property
    def path_of_run(self) -> Path:
        """Where everything is that the try has made."""
        from pathlib import Path

        return Path(self.path, files_of_run.RUN)

    def steps(self) -> list[Row]:
        """Return the steps that have ended, in the order of their ends; see `sdk.step`."""
        return self._files.steps()

    def log_lines(self) -> list[Row]:
        """Return the lines of the log."""
        return self._files.log_lines()

    # ---- tasks

    def _do_task_take(self, queue: str, **filters: Any) -> Mapping[str, Any]:
        name, rows = self._queue(queue)
        found = [row for row in rows if row["status"] == NEW and _fits(row, filters)]
        if not found:
            return {"task": None}
        now = now_text()
        row = min(found, key=lambda each: (not _is_due(each, now), -each["priority"], rows.index(each)))
        row.update(status=IN_PROGRESS, started=now)
        self._keep(name, rows)
        self._taken[row["guid"]] = None
        return {"task": _shown(row, name)}

    def _do_task_end(
        self, task: str, status: int, comment: str = "", tags: Any = None, until: str | None = None
    ) -> None:
        name, rows, row = self._task(task)
        if row["status"] != IN_PROGRESS:
            raise ConflictError(f"task {row['name'] or task} is {status_word(row['status'])}, and not in progress")
        row["status"] = status_number(status)
        row["comment"] = self._clean(comment) or row["comment"]
        row["tags"] = tag_list([*row["tags"], *(tags or ())])
        row["postponed"] = until
        if status not in (NEW, POSTPONED):
            row["finished"] = now_text()
        self._keep(name, rows)

    def _do_task_update(self, task: str, **fields: Any) -> None:
        name, rows, row = self._task(task)
        if "comment" in fields:
            fields["comment"] = self._clean(fields["comment"])
        row.update(fields)
        self._keep(name, rows)

    def _do_task_tag(self, task: str, tags: Any) -> None:
        name, rows, row = self._task(task)
        row["tags"] = tag_list([*row["tags"], *tags])
        self._keep(name, rows)

    def _do_task_untag(self, task: str, tags: Any) -> None:
        name, rows, row = self._task(task)
        row["tags"] = [tag for tag in row["tags"] if tag not in tags]
        self._keep(name, rows)

    def _do_task_add(self, queue: str, rows: Any, on_duplicate: str = "raise") -> Mapping[str, Any]:
        name, kept = self._queue(queue)
        guids: list[str] = []
        is_unique = self._files.options(name).get("unique_tasks", False)
        names = {row["name"].casefold() for row in kept}
        for new in rows:
            row = _row(new, f"added to {name}", guid=files_of_run.new_guid())
            # "skip" works where the queue itself lets a name in twice, too.
            if row["name"] and row["name"].casefold() in names and (is_unique or on_duplicate == "skip"):
                if on_duplicate == "skip":
                    guids.append("")
                    continue
                self._keep(name, kept)
                raise ConflictError(
                    f"the queue {name} already has a task {row['name']}, and accepts each name only once"
                )
            row["created"] = now_text()
            row["comment"] = self._clean(row["comment"])
            names.add(row["name"].casefold())
            kept.append(row)
            guids.append(row["guid"])
        self._keep(name, kept)
        return {"guids": guids}

    def _do_task_list(self, queue: str, limit: int = 100, status: int | None = None, **filters: Any) -> Row:
        name, rows = self._queue(queue)
        found = [row for row in rows if (status is None or row["status"] == status) and _fits(row, filters)]
        return {"tasks": [_shown(row, name) for row in found[:limit]]}

    def _do_task_peek(self, queue: str, status: int = NEW) -> Mapping[str, Any]:
        name, rows = self._queue(queue)
        now = now_text()
        found = [row for row in rows if row["status"] == status]
        found.sort(key=lambda each: (not _is_due(each, now), -each["priority"], rows.index(each)))
        return {"task": _shown(found[0], name)["row"] if found else None}

    def _do_task_set(self, task: str, status: int) -> None:
        _, _, row = self._task(task)
        if status == IN_PROGRESS:
            self._do_job_task_begin(task)
        elif row["status"] == IN_PROGRESS:
            self._do_task_end(task, status)
        else:
            self._do_task_update(task, status=status_number(status))

    def _do_asset_row(self, name: str) -> Mapping[str, Any]:
        return {"row": {"guid": name, **self._do_asset_read(name)["asset"]}}

    def _do_job_task(self) -> Mapping[str, Any]:
        row = self._own_task()
        return {"task": row and _shown(row, "")}

    def _do_job_task_begin(self, task: str) -> None:
        name, rows, row = self._task(task)
        if row["status"] not in (NEW, IN_PROGRESS):
            raise ConflictError(f"task {row['name'] or task} is {status_word(row['status'])}")
        row.update(status=IN_PROGRESS, started=now_text())
        self._keep(name, rows)
        self._taken[task] = None

    # ---- assets

    def _do_asset_read(self, name: str, type: int = 0) -> Mapping[str, Any]:  # noqa: A002 - as the wire has it
        found, value = self._asset(name)
        row = _asset_row(found, value, self._files.assets_file)
        if row["type"] == TEXT and type == CALENDAR and isinstance(value, list):
            row = {"name": found, "type": CALENDAR, "dates": value}
        self._hide(row.get("password") or "")
        return {"asset": row}

    def _do_asset_set(self, name: str, text: str | None = None, password: str | None = None) -> None:
        found, value = self._asset(name)
        row = _asset_row(found, value, self._files.assets_file)
        if row["type"] == CREDENTIAL:
            login = row["text"] if text is None else text
            secret = row["password"] if password is None else password
            self._hide(secret)
            value = {**value, "login": login, "password": secret}
        elif row["type"] == TEXT:
            value = text
        else:
            raise RefusedError(f"the asset {found} is a calendar, and a script cannot change a calendar")
        self._files.keep_asset(found, value)

    def _asset(self, name: str) -> tuple[str, Any]:
        assets = self._files.assets()
        for found, value in assets.items():
            if found.casefold() == name.casefold():
                return found, value
        raise NotFoundError(f"{self._files.assets_file} has no asset {name!r}{nearest(name, assets)}")

    # ---- files

    def _do_file_upload(self, folder: str, path: str, name: str) -> None:
        self._files.take_file(folder, name, path)

    def _do_file_download(self, folder: str, name: str, to: str) -> None:
        self._files.give_file(folder, name, to)

    def _do_file_delete(self, folder: str, name: str) -> None:
        self._files.delete_file(folder, name)

    # ---- jobs, log, the rest

    def _do_job_create(self, process: str, **fields: Any) -> Mapping[str, Any]:
        if "parameters" in fields:
            added = self._do_task_add(fields["queue"], [{"parameters": fields.pop("parameters")}])
            fields["task"] = added["guids"][0]
        job = {"guid": files_of_run.new_guid(), "process": process, "status": 1, "created": now_text(), **fields}
        self._files.keep_jobs([*self._files.jobs(), job])
        return {"job": job}

    def _do_job_read(self, job: str) -> Mapping[str, Any]:
        for each in self._files.jobs():
            if each["guid"] == job:
                return {"job": each}
        raise NotFoundError(f"there is no job {job}: {self.path} knows only the jobs that this script created")

    def _do_job_stop(self, job: str) -> None:
        self._do_job_read(job)
        self._files.keep_jobs([{**each, "status": 7} if each["guid"] == job else each for each in self._files.jobs()])

    def _do_log(self, level: str, message: str, **record: Any) -> None:
        message = self._clean(message)
        record.pop("lost", None)
        fields = {name: self._clean(value) for name, value in record.pop("fields", {}).items()}
        self._files.add_log({"level": level, "message": message, **record, **({"fields": fields} if fields else {})})
        if self._echo:
            beside = "".join(f" {name}={value}" for name, value in fields.items())
            _undelivered.say(f"{level:<8}{message}{beside}")

    def _do_picture(self, name: str) -> None:
        """Leave a picture where it is: in the folder of the job."""

    def _do_told(self, lost: int = 0) -> None:
        """Say that everything before was read; what is `lost` the script says on its own stderr."""

    def _do_progress(self, done: float | None, total: float | None, text: str) -> None:
        self._files.keep_progress({"done": done, "total": total, "text": self._clean(text)})

    def _do_step(self, name: str, **step: Any) -> None:
        if "seconds" in step:
            self._files.add_step({"name": self._clean(name), **step})

    def _do_hide(self, text: str) -> None:
        self._hide(text)

    # ---- pieces

    def _queue(self, queue: str) -> tuple[str, list[Row]]:
        names = self._files.queues()
        name = next((each for each in names if queue in (each, self._files.options(each).get("guid"))), None)
        name = name or next((each for each in names if each.casefold() == queue.casefold()), None)
        if name is None:
            where = f"write [] into {self._files.queue_file(queue)} to have one"
            raise NotFoundError(f"there is no queue {queue!r}{nearest(queue, names)}; {where}")
        return name, self._rows(name)

    def _rows(self, name: str) -> list[Row]:
        kept = self._files.kept_tasks(name)
        if kept is None:
            kept = self._written(name)
        now = now_text()
        for row in kept:
            if row["status"] == POSTPONED and row["postponed"] and row["postponed"] <= now:
                row.update(status=NEW, postponed=None)
        return kept

    def _written(self, name: str) -> list[Row]:
        file = self._files.queue_file(name)
        return [
            _row(each, f"{file}: task {index + 1}", guid=files_of_run.steady_guid(name, index))
            for index, each in enumerate(self._files.tasks(name))
        ]

    def _own_task(self) -> Row | None:
        rows = self._files.kept_tasks("")
        if rows is None:
            document = self._files.own_task()
            if document is None:
                return None
            rows = [_row(document, self._files.own_task_file, guid=files_of_run.steady_guid("", 0))]
        return rows[0]

    def _task(self, guid: str) -> tuple[str, list[Row], Row]:
        own = self._own_task()
        if own is not None and own["guid"] == guid:
            return "", [own], own
        for name in self._files.queues():
            rows = self._rows(name)
            for row in rows:
                if row["guid"] == guid:
                    return name, rows, row
        raise NotFoundError(f"there is no task {guid} in {self.path}")

    def _keep(self, name: str, rows: list[Row]) -> None:
        self._files.keep_tasks(name, [{**row, "status_word": status_word(row["status"])} for row in rows])

    def _hide(self, text: str) -> None:
        if len(text) >= SHORTEST_HIDDEN and text not in self._hidden:
            self._hidden.append(text)
            self.also_hide(text)
            # The longest first: one that holds another would be left in two halves.
            self._hidden.sort(key=len, reverse=True)

    def _clean(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        for hidden in self._hidden:
            value = value.replace(hidden, HIDDEN)
        return self.also_clean(value)


def _row(task: Any, where: str, *, guid: str) -> Row:
    """Return a task as it is kept, from what a person has written. Raises `RefusedError`."""
    if not isinstance(task, dict):
        raise RefusedError(
            f'{where}: must be an object such as {{"name": "4711", "parameters": {{}}}}, not {task!r:.60}'
        )
    try:
        row = {
            **task,
            "guid": str(task.get("guid") or guid),
            "name": str(task.get("name") or ""),
            "parameters": task.get("parameters", {}),
            "tags": tag_list(task.get("tags")),
            "status": status_number(task.get("status", NEW)),
            "priority": priority_number(task.get("priority", NORMAL)),
            "comment": str(task.get("comment") or ""),
        }
        for key in ("created", "deadline", "postponed", "started", "finished"):
            row[key] = moment_text(task.get(key), key)
    except (TypeError, ValueError) as error:
        raise RefusedError(f"{where}: {error}") from None
    row.pop("status_word", None)
    return row


def _shown(row: Row, queue: str) -> Row:
    return {**row, "queue": queue, "row": dict(row)}


def _fits(row: Row, filters: Mapping[str, Any]) -> bool:
    if "priority" in filters and row["priority"] != filters["priority"]:
        return False
    if "created_after" in filters:
        created, after = moment(row["created"]), moment(filters["created_after"])
        if created is None or after is None or created <= after:
            return False
    return has_tags(row["tags"], filters.get("tags", ())) and has_name(row["name"], filters.get("name", "*"))


def _is_due(row: Row, now: str) -> bool:
    return bool(row["deadline"]) and row["deadline"] <= now


def _asset_row(name: str, value: Any, where: str) -> Row:
    if isinstance(value, dict) and ("password" in value or "login" in value):
        expires = value.get("expires")
        try:
            expires = moment_text(expires, "expires")
        except (TypeError, ValueError) as error:
            raise RefusedError(f"{where}: {name}: {error}") from None
        texts = {"text": str(value.get("login") or ""), "password": str(value.get("password") or "")}
        return {"name": name, "type": CREDENTIAL, **texts, "expires": expires}
    if isinstance(value, dict) and "dates" in value:
        dates = value["dates"]
        return {"name": name, "type": CALENDAR, "dates": list(dates)}
    if isinstance(value, str):
        return {"name": name, "type": TEXT, "text": value}
    from json import dumps

    return {"name": name, "type": TEXT, "text": dumps(value, ensure_ascii=False)}
