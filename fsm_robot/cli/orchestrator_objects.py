"""`fsm-robot orchestrator queue|task|asset|file|log|key|group|release`: what the embedded orchestrator keeps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import attrs

from fsm_robot.cli.orchestrator_arguments import (
    AS_JSON,
    job_argument,
    moment_argument,
    print_table,
    read,
    robot_argument,
    secret_argument,
    task_argument,
)
from fsm_robot.cli.streams import print_json
from fsm_robot.engine.wording import shown
from fsm_robot.errors import SettingsError
from fsm_robot.orchestrator.objects import (
    ALL_ROBOTS,
    CALENDAR,
    CREDENTIALS,
    LOG_LEVELS,
    LONGEST_ASSET_TEXT,
    ONE_GROUP,
    ONE_ROBOT,
    PRIORITY_WORDS,
    TASK_WORDS,
    TEXT,
    LogRow,
    TaskRow,
)
from fsm_robot.orchestrator.rows import iso
from fsm_robot.orchestrator.sheets import SheetRow, sheet_rows
from fsm_robot.orchestrator.store import DuplicateError, NoSuchError, Store
from fsm_robot.orchestrator.tables.storage import PIECE_BYTES
from fsm_robot.orchestrator.tables.tasks import TaskFilter, json_text

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

if TYPE_CHECKING:
    Actions = argparse._SubParsersAction[argparse.ArgumentParser]  # what `add_subparsers` returns has no public name

FOLLOW_EVERY_S = 0.5
LARGEST_NUMBER = 2**31 - 1
STATUSES: Mapping[str, int] = {
    "new": 0, "in-progress": 1, "success": 2, "failed": 3, "failed-business": 4, "postponed": 5, "abandoned": 6,
}  # fmt: skip
PRIORITIES: Mapping[str, int] = {word: number for number, word in PRIORITY_WORDS.items()}
_MAKING = {("queue", "add"), ("task", "add"), ("asset", "add"), ("file", "put"), ("key", "add")}


def makes_file(arguments: argparse.Namespace) -> bool:
    """Return whether an action may be the first one that a file sees."""
    return (arguments.action, getattr(arguments, "what", "")) in _MAKING


def add_arguments(commands: Actions, shared: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    _queue_arguments(_group(commands, "queue", "queues: list, add, delete"), shared)
    _task_arguments(_group(commands, "task", "tasks: add, list, show, retry, delete"), shared)
    _asset_arguments(_group(commands, "asset", "assets: list, add, delete"), shared)
    _file_arguments(_group(commands, "file", "storage files: list, put, get, delete"), shared)
    log = commands.add_parser("log", parents=[shared], help="print the lines that robots sent to the log")
    log.add_argument("job", nargs="?", default="", help="GUID, the beginning of one, or `last`")
    log.add_argument("--follow", "-f", action="store_true", help="go on until the job has ended, or Ctrl-C")
    log.add_argument("--level", choices=[word.lower() for word in LOG_LEVELS], help="this level and above")
    log.add_argument("--limit", type=_number, default=500, metavar="N", help="only the newest N (default: %(default)s)")
    log.add_argument("--json", action="store_true", help="print one JSON object per line")
    keys = _group(commands, "key", "API keys for callers that are not robots: list, add, delete")
    _named(keys, shared, "add", "make a key and print it once; only its hash is kept")
    _named(keys, shared, "delete", "delete a key; calls with it are refused from now on")
    keys.add_parser("list", parents=[shared], help="list the names of all keys").add_argument(
        "--json", action="store_true", help=AS_JSON
    )
    group = commands.add_parser(
        "group", parents=[shared], help="put a robot into a group, for assets and jobs of groups"
    )
    group.add_argument("robot", metavar="ROBOT", help="label, GUID, or @FILE that holds the GUID")
    group.add_argument("number", metavar="NUMBER|none", help="number of the group; none: of no group any more")
    _named(commands, shared, "release", "send the answers that a fault `…:hold:NAME` keeps back")


def _group(commands: Actions, name: str, what: str) -> Actions:
    parser = commands.add_parser(name, help=what)
    return parser.add_subparsers(dest="what", required=True, metavar="WHAT")


def _named(commands: Actions, shared: argparse.ArgumentParser, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[shared], help=what)
    parser.add_argument("name", type=_name, metavar="NAME", help="its name")
    return parser


def _queue_arguments(actions: Actions, shared: argparse.ArgumentParser) -> None:
    actions.add_parser("list", parents=[shared], help="list queues").add_argument(
        "--json", action="store_true", help=AS_JSON
    )
    add = _named(actions, shared, "add", "make a queue")
    add.add_argument("--description", default="", help="a sentence for people")
    add.add_argument("--unique", action="store_true", help="refuse a second task of the same name")
    add.add_argument("--auto-change", action="store_true", help="if a job fails, fail its tasks that are In progress")
    add.add_argument(
        "--retries",
        type=_number,
        default=0,
        metavar="N",
        help="how often a failed task is put into the queue again (default: %(default)s)",
    )
    add.add_argument(
        "--abandon-new",
        type=_number,
        default=0,
        metavar="MIN",
        help="minutes after which a New task is Abandoned; 0: never (default: %(default)s)",
    )
    add.add_argument(
        "--abandon-busy",
        type=_number,
        default=1440,
        metavar="MIN",
        help="minutes after which a task In progress is Abandoned (default: %(default)s)",
    )
    _named(actions, shared, "delete", "delete a queue and its tasks")


def _task_arguments(actions: Actions, shared: argparse.ArgumentParser) -> None:
    add = actions.add_parser("add", parents=[shared], help="add tasks; makes the queue if there is none")
    add.add_argument("queue", type=_name, metavar="QUEUE", help="name of the queue")
    add.add_argument(
        "rows", nargs="?", metavar="JSON|@FILE",
        help="parameters, @task.json, or @rows.csv with one task per row, whose column `name` names it",
    )  # fmt: skip
    add.add_argument("--name", default="", help="what people call the task")
    add.add_argument("--tags", default="", metavar="A;B", help="tags, with semicolons between them")
    add.add_argument("--priority", choices=list(PRIORITIES), default="normal", help="tasks with a higher one go first")
    add.add_argument(
        "--deadline", metavar="MOMENT", help="from this moment on the task goes first, such as 2026-10-31T17:30"
    )
    add.add_argument("--comment", default="", help="a sentence for people")
    add.add_argument(
        "--skip-duplicates", action="store_true", help="leave out tasks whose name a --unique queue has already"
    )
    many = actions.add_parser("list", parents=[shared], help="list the tasks of a queue")
    many.add_argument("queue", metavar="QUEUE", help="name of the queue")
    many.add_argument("--status", choices=list(STATUSES), help="only tasks with this status")
    many.add_argument("--tags", default="", metavar="A;-B", help="only tasks with tag A and without tag B")
    many.add_argument(
        "--limit", type=_number, default=1000, metavar="N", help="most tasks shown (default: %(default)s)"
    )
    many.add_argument("--json", action="store_true", help=AS_JSON)
    show = actions.add_parser("show", parents=[shared], help="show a task and how its status changed")
    show.add_argument("task", metavar="TASK", help="GUID, its beginning, or name")
    show.add_argument("--json", action="store_true", help=AS_JSON)
    for name, what in (("retry", "put a copy of a task into its queue, as a New one"), ("delete", "delete a task")):
        parser = actions.add_parser(name, parents=[shared], help=what)
        parser.add_argument("task", metavar="TASK", help="GUID, its beginning, or name")


def _asset_arguments(actions: Actions, shared: argparse.ArgumentParser) -> None:
    actions.add_parser("list", parents=[shared], help="list names and types, never a value").add_argument(
        "--json", action="store_true", help=AS_JSON
    )
    add = _named(actions, shared, "add", "make an asset, or give an asset of this name a new value")
    add.add_argument("--text", metavar="TEXT|@FILE", help="make a text with this content")
    add.add_argument("--login", metavar="NAME", help="make credentials with this login")
    add.add_argument(
        "--password", metavar="@FILE|-", help="the password that belongs to --login, from a file or standard input"
    )
    add.add_argument("--calendar", metavar="JSON|@FILE", help="make a calendar: dates as JSON")
    add.add_argument("--description", default="", help="a sentence for people")
    add.add_argument("--robot", metavar="ROBOT", help="the only robot that may read it")
    add.add_argument("--group", type=_number, metavar="NUMBER", help="the only group of robots that may read it")
    _named(actions, shared, "delete", "delete an asset with its value")


def _file_arguments(actions: Actions, shared: argparse.ArgumentParser) -> None:
    actions.add_parser("list", parents=[shared], help="list files").add_argument(
        "--json", action="store_true", help=AS_JSON
    )
    put = actions.add_parser("put", parents=[shared], help="store a file; makes the folder if there is none")
    put.add_argument("folder", type=_name, metavar="FOLDER", help="folder of the storage")
    put.add_argument("path", metavar="FILE", help="the file on this machine")
    put.add_argument("--name", default="", help="its name in the storage (default: as the file is called)")
    for name, what in (("get", "write a file of the storage to this folder, or to --to"), ("delete", "delete a file")):
        parser = actions.add_parser(name, parents=[shared], help=what)
        parser.add_argument("folder", metavar="FOLDER", help="folder of the storage")
        parser.add_argument("name", metavar="NAME", help="name of the file there")
        if name == "get":
            parser.add_argument("--to", metavar="PATH", help="where to write it (default: this folder, with its name)")


# ---- queues


def _queue(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.what == "list":
        return _queue_list(arguments, store)
    if arguments.what == "delete":
        store.queues.delete(store.queues.find(arguments.name))
        return 0
    queue = store.queues.add(
        arguments.name,
        description=arguments.description,
        unique_tasks=int(arguments.unique),
        auto_change_status=int(arguments.auto_change),
        retries=arguments.retries,
        abandon_new_min=arguments.abandon_new,
        abandon_busy_min=arguments.abandon_busy,
    )
    print(queue.guid)
    return 0


def _queue_list(arguments: argparse.Namespace, store: Store) -> int:
    store.tasks.evaluate()
    counts = store.queues.counts()
    queues = {queue: counts.get(queue.row_id, {}) for queue in store.queues.all()}
    if arguments.json:
        print_json([queue.to_json(tasks) for queue, tasks in queues.items()], indent=2)
    else:
        rows = [(queue.name, *(str(tasks.get(status, 0)) for status in TASK_WORDS)) for queue, tasks in queues.items()]
        print_table(("queue", *TASK_WORDS.values()), rows)
    return 0


# ---- tasks


def _task(arguments: argparse.Namespace, store: Store) -> int:
    actions = {"add": _task_add, "list": _task_list, "show": _task_show, "retry": _task_retry, "delete": _task_delete}
    return actions[arguments.what](arguments, store)


def _task_add(arguments: argparse.Namespace, store: Store) -> int:
    deadline = None if arguments.deadline is None else moment_argument(arguments.deadline, "--deadline")
    values = {"tags": arguments.tags, "priority": PRIORITIES[arguments.priority], "comment": arguments.comment,
              "deadline": deadline}  # fmt: skip
    rows = _sheet(arguments.rows) or [SheetRow(arguments.name, _parameters(arguments.rows))]
    made = []
    with store.file.transaction():  # all or none: a file that is refused in its middle can be given again
        queue = store.queues.named(arguments.queue)
        for number, row in enumerate(rows, 1):
            name = row.name or arguments.name or (f"row {number}" if len(rows) > 1 else "NewTask")
            try:
                made.append(store.tasks.add(queue, name, row.parameters, **values).guid)
            except DuplicateError:
                if not arguments.skip_duplicates:
                    raise
    for guid in made:
        print(guid)
    return 0


def _sheet(text: str | None) -> list[SheetRow]:
    if text is None or not text.startswith("@") or text.lower().endswith(".json"):
        return []
    return sheet_rows(read(text[1:]), text[1:])


def _parameters(text: str | None) -> str:
    return json_text(dict(task_argument(text, "the parameters") or {}))


def _task_list(arguments: argparse.Namespace, store: Store) -> int:
    queue = store.queues.find(arguments.queue)
    status = None if arguments.status is None else STATUSES[arguments.status]
    wanted = TaskFilter(queue.row_id, status=status, tags=arguments.tags, limit=arguments.limit)
    tasks = sorted(store.tasks.fitting(wanted, youngest_first=True), key=lambda task: task.row_id)
    if arguments.json:
        print_json([task.to_json() for task in tasks], indent=2)
    else:
        rows = [(task.guid, task.status_word, task.name, task.tags, task.robot, task.comment) for task in tasks]
        print_table(("task", "status", "name", "tags", "robot", "comment"), rows)
    return 0


def _task_show(arguments: argparse.Namespace, store: Store) -> int:
    task = _task_meant(arguments.task, store)
    moves = [move.to_json() for move in store.tasks.moves(task)]
    if arguments.json:
        print_json({**task.to_json(), "parameters": task.parameters, "moves": moves}, indent=2)
        return 0
    for name, value in task.to_json().items():
        print(f"{name:<12} {shown(str(value))}" if value not in (None, "") else f"{name:<12} -")
    print(f"parameters   {shown(task.parameters)}")
    keys = ("at", "before", "after", "robot", "job", "reason")
    print_table(
        ("at", "from", "to", "robot", "job", "why"), [tuple(str(move[key] or "") for key in keys) for move in moves]
    )
    return 0


def _task_retry(arguments: argparse.Namespace, store: Store) -> int:
    print(store.tasks.repeat(_task_meant(arguments.task, store)).guid)
    return 0


def _task_delete(arguments: argparse.Namespace, store: Store) -> int:
    store.tasks.delete(_task_meant(arguments.task, store))
    return 0


def _task_meant(text: str, store: Store) -> TaskRow:
    try:
        return store.tasks.find(text)
    except NoSuchError:
        found = [
            task for task in store.tasks.fitting(TaskFilter(limit=LARGEST_NUMBER)) if task.guid.startswith(text.lower())
        ]
        if len(found) != 1 or not text:
            raise SettingsError(
                f"{text!r} is the beginning of {len(found)} tasks; `fsm-robot orchestrator task list QUEUE` lists them"
            ) from None
        return found[0]


# ---- assets


def _asset(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.what == "add":
        return _asset_add(arguments, store)
    if arguments.what == "delete":
        store.assets.delete(store.assets.find(arguments.name))
        return 0
    labels = {robot.row_id: robot.label for robot in store.robots()}
    assets = [asset.to_json(labels.get(asset.robot_id or 0, "?")) for asset in store.assets.all()]
    if arguments.json:
        print_json(assets, indent=2)
    else:
        keys = ("name", "type", "scope", "description")
        print_table(keys, [tuple(str(asset[key]) for key in keys) for asset in assets])
    return 0


def _asset_add(arguments: argparse.Namespace, store: Store) -> int:
    values = _asset_value(arguments)
    if arguments.robot is not None and arguments.group is not None:
        raise SettingsError("an asset is for one --robot or for one --group")
    with store.file.transaction():
        scope: dict[str, object] = {"robot_type": ALL_ROBOTS, "robot_id": None, "robot_group_id": None}
        if arguments.robot is not None:
            robot_id = store.credentials.row_id(robot_argument(arguments.robot))
            scope |= {"robot_type": ONE_ROBOT, "robot_id": robot_id}
        elif arguments.group is not None:
            scope |= {"robot_type": ONE_GROUP, "robot_group_id": arguments.group}
        same = [
            asset
            for asset in store.assets.all()
            if asset.name == arguments.name and all(getattr(asset, key) == value for key, value in scope.items())
        ]
        if same:
            store.assets.change(same[0], **values)
            print(same[0].guid)
        else:
            print(store.assets.add(arguments.name, **values, **scope).guid)
    return 0


def _asset_value(arguments: argparse.Namespace) -> dict[str, object]:
    kinds = {"--text": arguments.text, "--calendar": arguments.calendar, "--login": arguments.login}
    if sum(value is not None for value in kinds.values()) != 1:
        raise SettingsError("an asset is one of --text, --calendar and --login with --password")
    if (arguments.login is None) != (arguments.password is None):
        raise SettingsError("credentials are --login with --password @FILE, or - for standard input")
    values = {"description": arguments.description, "password": ""}
    if arguments.login is not None:
        return {**values, "type": CREDENTIALS, "text": arguments.login, "password": secret_argument(arguments.password)}
    text = arguments.text if arguments.calendar is None else arguments.calendar
    text = read(text[1:]) if text.startswith("@") else text
    if arguments.calendar is None and len(text) > LONGEST_ASSET_TEXT:
        raise SettingsError(f"--text: may have {LONGEST_ASSET_TEXT} characters, not {len(text)}")
    return {**values, "type": TEXT if arguments.calendar is None else CALENDAR, "text": text}


# ---- files


@attrs.frozen
class _OnDisk:
    """A file of this machine."""

    path: Path
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Return its bytes, a piece at a time."""
        with self.path.open("rb") as file:
            left = self.size
            while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
                left -= len(piece)
                yield piece


def _file(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.what == "list":
        files = [file.to_json() for file in store.storage.files()]
        if arguments.json:
            print_json(files, indent=2)
        else:
            keys = ("folder", "name", "size", "updated")
            print_table(keys, [tuple(str(file[key]) for key in keys) for file in files])
        return 0
    if arguments.what == "put":
        return _file_put(arguments, store)
    file = store.storage.find_file(arguments.name, folder=store.storage.folder(arguments.folder))
    if arguments.what == "delete":
        store.storage.delete_file(file)
        return 0
    # The name in the storage came over the network: of a path in it only the last part counts.
    target = Path(arguments.to or Path(file.name.replace("\\", "/")).name or file.guid)
    try:
        with target.open("xb") as out:
            store.storage.copy(file, out.write)
    except FileExistsError:
        raise SettingsError(f"{target}: is there already; --to names another one") from None
    except OSError as error:
        raise SettingsError(f"{target}: cannot be written: {error.strerror or error}") from error
    print(target)
    return 0


def _file_put(arguments: argparse.Namespace, store: Store) -> int:
    path = Path(arguments.path)
    try:
        size = path.stat().st_size
        with store.file.transaction():
            folders = [each for each in store.storage.folders() if each.name == arguments.folder]
            folder = folders[-1] if folders else store.storage.add_folder(arguments.folder)
            print(store.storage.add_file(arguments.name or path.name, _OnDisk(path, size), folder).guid)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    return 0


# ---- logs, keys, groups, held answers


def _log(arguments: argparse.Namespace, store: Store) -> int:
    job = job_argument(arguments.job, store) if arguments.job else ""
    job = store.job(job).guid if job else ""
    words = list(LOG_LEVELS)
    levels = () if arguments.level is None else tuple(words[words.index(arguments.level.capitalize()) :])
    leaving: SimpleQueue[str] = SimpleQueue()
    if arguments.follow:
        system.listen(leaving.put)
    seen, count = 0, arguments.limit
    while True:
        has_ended = bool(job) and store.job(job).ended
        for line in store.logs.newest(count, after=seen, job=job, levels=levels):
            seen, count = line.row_id, LARGEST_NUMBER
            _tell_line(line, arguments.json)
        if not arguments.follow or has_ended:
            return 0
        try:
            leaving.get(timeout=FOLLOW_EVERY_S)
        except Empty:
            continue
        return 0


def _tell_line(line: LogRow, as_json: bool) -> None:
    if as_json:
        print_json(line.to_json())
    else:
        print(f"{iso(line.received)}  {line.level:<8}  {line.job_guid[:8]:<8}  {shown(line.message)}", flush=True)


def _key(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.what == "add":
        if arguments.name in store.credentials.key_names():
            raise SettingsError(f"there is a key {arguments.name!r} already; `key delete` removes it")
        print(store.credentials.add_key(arguments.name))
    elif arguments.what == "delete":
        store.credentials.remove_key(arguments.name)
    elif arguments.json:
        print_json(store.credentials.key_names())
    else:
        for name in store.credentials.key_names():
            print(shown(name))
    return 0


def _robot_group(arguments: argparse.Namespace, store: Store) -> int:
    try:
        number = None if arguments.number == "none" else _number(arguments.number)
    except argparse.ArgumentTypeError as error:
        raise SettingsError(f"group: {error}, or none") from error
    label = store.set_group(robot_argument(arguments.robot), number)
    print(f"{label}: group {'none' if number is None else number}")
    return 0


def _release(arguments: argparse.Namespace, store: Store) -> int:
    print(f"{store.held.release(arguments.name)} released")
    return 0


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Store], int]] = {
    "queue": _queue,
    "task": _task,
    "asset": _asset,
    "file": _file,
    "log": _log,
    "key": _key,
    "group": _robot_group,
    "release": _release,
}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:11]) <= LARGEST_NUMBER):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {LARGEST_NUMBER}, not {text!r}")
    return int(text)


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text
