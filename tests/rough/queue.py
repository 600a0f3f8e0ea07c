"""The queue of a case's orchestrator: tasks that scripts take, and everything that was done to each."""

from __future__ import annotations

import threading

import attrs

from tests.rough.facts import Facts

NEW, IN_PROGRESS = 0, 1
MOST_TASKS = 400


@attrs.define
class Task:
    """One task."""

    number: int
    status: int = NEW
    tags: list[str] = attrs.field(factory=list)
    job: str = ""

    @property
    def guid(self) -> str:
        """Its name among programs."""
        return f"task-{self.number:04}"


@attrs.define(eq=False)
class Queue:
    """Answers the calls of the object API, as far as tasks go. A status that is set is a fact: `task`."""

    facts: Facts
    tasks: list[Task] = attrs.field(factory=lambda: [Task(number) for number in range(MOST_TASKS)])
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def answer(self, path: str, form: dict[str, str]) -> object:
        """Do what a call asks for."""
        what = path.removeprefix("/api/")
        with self._lock:
            if what.startswith("queue/lastTask/"):
                return next((self._row(task) for task in self.tasks if task.status == NEW), [])
            if what.startswith("task/filter/list/"):
                return [self._row(task) for task in self.tasks if task.status == NEW][:100]
            if what.startswith("task/read/"):
                return self._row(self._task(what.rpartition("/")[2]))
            if what == "task/update":
                self._update(self._task(form["guid"]), int(form["status"]), form.get("job_guid", ""))
            elif what == "task/addTag":
                self._task(form["TaskGuid"]).tags.append(form["TagNames"])
            elif what == "task/removeTag":
                task = self._task(form["TaskGuid"])
                task.tags = [tag for tag in task.tags if tag != form["TagNames"]]
        return []

    def _task(self, guid: str) -> Task:
        return self.tasks[int(guid.removeprefix("task-"))]

    def _update(self, task: Task, status: int, job: str) -> None:
        if task.status != status:
            self.facts.add("task", job, status, task.guid)
        task.status, task.job = status, "" if status == NEW else job

    def _row(self, task: Task) -> dict[str, object]:
        return {
            "guid": task.guid, "name": task.guid, "status": task.status, "tags": ";".join(task.tags), "priority": 1,
            "job_id": task.job or None, "parameters": "{}",
        }  # fmt: skip
