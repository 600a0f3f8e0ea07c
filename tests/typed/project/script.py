"""A script as a user writes it, with every public name of the SDK and its type written down."""

from __future__ import annotations

from fsm_robot import job
from fsm_robot.sdk import (
    ApplicationError,
    Asset,
    BusinessError,
    Calendar,
    ConflictError,
    Credential,
    GiveBack,
    JobRef,
    MaybeDoneError,
    NoRobotError,
    NotFoundError,
    NotSupportedError,
    Postpone,
    Queue,
    RefusedError,
    SdkError,
    Storage,
    Task,
    TaskRow,
    Tasks,
    UnavailableError,
    asset,
    calendar,
    credential,
    hide,
    job_task,
    jobs,
    log,
    progress,
    queue,
    screenshot,
    should_stop,
    step,
    storage,
)

KINDS: tuple[type[SdkError], ...] = (
    ConflictError,
    MaybeDoneError,
    NoRobotError,
    NotFoundError,
    NotSupportedError,
    RefusedError,
    UnavailableError,
)


def book(task: Task) -> str:
    """Book an invoice, or say why not."""
    with step("book"):
        if int(task["sum"]) > limit():
            raise BusinessError("too much", code="LIMIT")
        if should_stop():
            raise GiveBack()
    name: str = task.name
    return name


def limit() -> int:
    """Read what may be changed from outside."""
    found: Asset = asset("Invoice limit")
    login: Credential = credential("ERP")
    hide(login.password)
    holidays: Calendar = calendar("Holidays")
    print(holidays)
    return int(str(found))


def main() -> None:
    """Work the queue."""
    invoices: Queue = queue("Invoices")
    open_ones: Tasks = invoices.tasks(max_failures=3)
    for task in open_ones:
        with task, log.fields(name=task.name):
            try:
                book(task)
                task.done("booked", tags="done")
            except ConnectionError as error:
                raise ApplicationError(str(error)) from error
            except KeyError:
                raise Postpone(hours=1) from None
        progress(1, 2)
    files: Storage = storage("reports")
    print(files, screenshot("end"), job.parameters().get("month"), job.stop_requested())
    own: Task | None = job_task()
    print(own)


def another(row: TaskRow) -> JobRef:
    """Let another robot go on."""
    return jobs.create("отчёты/сводка", parameters={"task": row.name})


if __name__ == "__main__":
    main()
