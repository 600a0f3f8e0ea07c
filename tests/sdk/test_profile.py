"""`server.toml`: what `orchestrator probe` has found out at a server is obeyed by the robot that serves scripts there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.cli import main
from fsm_robot.errors import GatewayError, GatewayRejectedError, SettingsError
from fsm_robot.gateway import profile as profiles
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.gateway.objects import ObjectGateway
from fsm_robot.gateway.profile import OBEYED, Profile
from fsm_robot.orchestrator.quirks import CHOICES, Quirks
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import GUID

SCRIPT = """\
from fsm_robot.sdk import BusinessError, ConflictError, NotFoundError, credential, asset, log, queue, storage

login, password = credential({erp!r})
try:
    asset({nothing!r}).text
except NotFoundError:
    print('no such asset')
for task in queue({queue!r}).tasks():
    with task:
        print('task', task.name, task.priority, task['total'], login)
        if task['total'] > 1000:
            raise BusinessError('too much')
        storage({folder!r}).write_text(task.name + '.txt', 'booked')
        task.done('booked')
try:
    queue({queue!r}).add({{'total': 1}}, name='a')
except ConflictError:
    print('no second one')
log.error('an error')
"""
FILES = "print(storage({folder!r}).read_text('a.txt'))\n"
TURNED = {
    "one half": [
        *("empty_last=null", "task_rows=structured", "task_read=full", "parameters=nested", "absent=reset"),
        *("job_field=JobGUID", "duplicate=200", "unknown=500", "no_credential=403", "log_answer=guid"),
        *("file_read=base64", "level=number", "level_numbers=info1", "task_priority=low1", "filters=off"),
        *("verbs=task/update:POST", "verbs=task/addTag:POST"),
    ],
    "the other": [
        *("empty_last=false", "parameters=object", "absent=reset", "job_field=none", "unknown=200-empty"),
        *("duplicate=200", "log_after_end=refuse", "file_read=base32", "level=text", "postponed=ignored"),
        *("add_tag=racy", "task_priority=low1"),
    ],
    "it takes": ["reserves=yes", "empty_last={}", "file_read=base16", "level=number"],
}


@attrs.define
class Server:
    """An embedded orchestrator with quirks, and what a robot knows of it."""

    store: Store
    running: Orchestrator
    folder: Path
    opened: list[HttpGateway] = attrs.field(factory=list)

    def turn(self, *quirks: str) -> Profile:
        """Turn quirks, probe the server as a person would, and return the file as it is read by a robot."""
        self.running.service.quirks = Quirks.parse(quirks)
        (self.folder / "guid.txt").write_text(GUID, encoding="utf-8")
        job = self.store.enqueue("ended")
        self.store.order_abort(job)
        file = self.folder / "server.toml"
        command = ["orchestrator", "probe", self.running.url, "--guid", f"@{self.folder / 'guid.txt'}", "--yes"]
        assert main([*command, "--job", job, "--log-lines", "30", "-o", str(file)]) == 0
        return profiles.read(file)

    def objects(self, profile: Profile | None = None) -> ObjectGateway:
        self.opened.append(HttpGateway(self.running.url, GUID))
        return ObjectGateway(self.opened[-1], profile=profile or Profile())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    store = Store(tmp_path / "o.sqlite")
    with Orchestrator(store) as running:
        server = Server(store, running, tmp_path)
        yield server
        for gateway in server.opened:
            gateway.close()


# ---- each quirk by itself: right with the profile, wrong without


def _no_names(server: Server, objects: ObjectGateway) -> bool:
    queue = server.store.queues.add("Счета")
    server.store.tasks.add(queue, "a")
    guids = {"queue:Счета": queue.guid}
    if objects.profile.quirks:
        objects.profile = attrs.evolve(objects.profile, guids=guids)
    row = objects.last_task("Счета")
    return row is not None and row["name"] == "a"


def _reset(server: Server, objects: ObjectGateway) -> bool:
    queue = server.store.queues.add("q")
    guids = [server.store.tasks.add(queue, name, '{"x": 1}', comment="c", tags="t").guid for name in ("a", "b")]
    objects.last_task("q")  # the first is seen by this robot; of the second it knows no more than after a crash
    for guid in guids:
        objects.update_task(guid, {"status": 1})
    tasks = [server.store.tasks.find(guid) for guid in guids]
    return [(task.parameters, task.comment, task.tags, task.status) for task in tasks] == [
        ('{"x": 1}', "c", "t", 1)
    ] * 2


def _job_field(server: Server, objects: ObjectGateway) -> bool:
    guid = server.store.tasks.add(server.store.queues.add("q"), "a").guid
    objects.update_task(guid, {"status": 1}, server.store.enqueue("x"))
    return server.store.tasks.find(guid).job_id is not None


def _duplicate(server: Server, objects: ObjectGateway) -> bool:
    server.store.queues.add("q", unique_tasks=1)
    objects.create_task("q", {"name": "a", "parameters": {}})
    try:
        objects.create_task("q", {"name": "a", "parameters": {}})
    except GatewayRejectedError:
        return True
    return False


def _not_there(server: Server, objects: ObjectGateway) -> bool:
    try:
        return objects.last_task("none") is not None and objects.asset("none") is None
    except GatewayRejectedError as error:
        return error.status == 404


def _no_file(server: Server, objects: ObjectGateway) -> bool:
    """What is not there is made, and not changed without a word; and is told as not there."""
    server.store.storage.add_folder("f")
    file = server.folder / "x"
    file.write_bytes(b"content")
    objects.upload("f", "new", str(file))
    there = objects.download("f", "new", str(server.folder / "y"))
    missing = objects.download("f", "none", str(server.folder / "z"))
    return (there, missing, (server.folder / "y").read_bytes()) == (True, False, b"content")


def _level(server: Server, objects: ObjectGateway) -> bool:
    for word in ("Debug", "Info", "Warning", "Error", "Critical"):
        objects.log(word, f"line of {word}")
    lines = [line for line in server.store.logs.newest() if line.message.startswith("line of ")]
    return [line.level for line in lines] == [line.message.split()[-1] for line in lines] != []


def _priority(server: Server, objects: ObjectGateway) -> bool:
    server.store.queues.add("q")
    for number, name in enumerate(("low", "normal", "high")):
        objects.create_task("q", {"name": name, "priority": number})
    rows = objects.tasks("q", {})
    only = objects.tasks("q", {"priority": 2})
    names = [(row["name"], row["priority"]) for row in (*rows, *only)]
    return names == [("high", 2), ("normal", 1), ("low", 0), ("high", 2)]


def _postponed(server: Server, objects: ObjectGateway) -> bool:
    guid = server.store.tasks.add(server.store.queues.add("q"), "a").guid
    objects.update_task(guid, {"status": 5, "postponed": "2999-01-01T00:00:00+00:00", "comment": "c"})
    return "2999" in server.store.tasks.find(guid).comment


def _verbs(server: Server, objects: ObjectGateway) -> bool:
    guid = server.store.tasks.add(server.store.queues.add("q"), "a").guid
    objects.update_task(guid, {"status": 1})
    return server.store.tasks.find(guid).status == 1


def _log_limit(server: Server, objects: ObjectGateway) -> bool:
    """Lines over the limit are held back by us, with the time after which to come again: none is swallowed."""
    before, taken = len(server.store.logs.newest()), 0
    try:
        for _ in range(40):
            objects.log("Info", "x")
            taken += 1
    except GatewayError as error:
        server.running.service.quirks = Quirks()
        return (error.kind, taken) == ("throttled", 9) and 0 < (error.retry_after_s or 0) <= 61
    return len(server.store.logs.newest()) - before == taken


EACH: list[tuple[str, Callable[[Server, ObjectGateway], bool]]] = [
    ("names=off", _no_names),
    ("absent=reset", _reset),
    ("job_field=JobGUID", _job_field),
    ("duplicate=200", _duplicate),
    ("unknown=500", _not_there),
    ("unknown=200-empty", _not_there),
    ("unknown=500", _no_file),
    ("unknown=200-empty", _no_file),
    ("level=number", _level),
    ("task_priority=low1", _priority),
    ("postponed=ignored", _postponed),
    ("verbs=task/update:POST", _verbs),
    ("log_limit=9/min:drop", _log_limit),
]


@pytest.mark.long
@pytest.mark.parametrize(("quirk", "works"), EACH, ids=[quirk for quirk, _ in EACH])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_quirk_is_obeyed_by_who_knows_it(
    server: Server, quirk: str, works: Callable[[Server, ObjectGateway], bool], known: bool
) -> None:
    """What probe found is enough for it; and without that it goes wrong, or this would show nothing."""
    found = server.turn(quirk)
    objects = server.objects(found if known else None)

    try:
        worked = works(server, objects)
    except GatewayError as error:
        assert not known, error
        worked = False

    assert worked is known


def test_numbers_of_levels_have_both_orders(server: Server) -> None:
    """Levels as numbers, in the order that was found."""
    assert _level(server, server.objects(server.turn("level=number", "level_numbers=info1")))


def test_what_is_obeyed_is_what_a_server_can_be_told() -> None:
    """One list of names and values, or a file of `probe` would be refused."""
    assert {name: CHOICES.get(name) for name in OBEYED} == dict(OBEYED)


# ---- a robot and its script


@pytest.mark.parametrize("turned", TURNED)
def test_robot_and_script_work_at_a_server_that_differs(robot_folder: RobotFolder, server: Server, turned: str) -> None:
    """Nearly every quirk turned: the script is the one that it would be anywhere."""
    robot_folder.server, robot_folder.store = server.running, server.store
    found = server.turn(*TURNED[turned])
    store = server.store
    queue = store.queues.add("Счета", unique_tasks=1)
    for name, total in (("a", 10), ("b", 9000), ("c", 20)):
        store.tasks.add(queue, name, f'{{"total": {total}}}', priority=1)
    store.assets.add("ERP", type=1, text="robot", password="not-a-secret")
    store.storage.add_folder("Booked")
    take = {"server": found["reserves"] == "yes", "naive": found["add_tag"] == "racy"}
    way = next((name for name, wanted in take.items() if wanted), "announce")
    call = {"take_call": "GET queue/lastTask/{queue}"} if way == "server" else {}
    names = {"erp": "ERP", "nothing": "none", "queue": "Счета", "folder": "Booked"}
    store.enqueue(robot_folder.script("invoices", SCRIPT.format(**names) + FILES.format(**names)))
    robot_folder.settings(
        server.running.url,
        orchestrator={"profile": "server.toml"},
        sdk={"take": way, "patience_s": 5.0, **call},
    )

    done = robot_folder.run()

    assert done.exit_code == 0, done.err
    job = store.jobs()[-1]
    assert job.status == 4, robot_folder.output() + robot_folder.log()
    tasks = store.tasks.fitting(TaskFilter(queue.row_id))
    assert {task.name: task.status for task in tasks} == {"a": 2, "b": 4, "c": 2}
    totals = {"a": 10, "b": 9000, "c": 20}
    assert {task.name: json.loads(task.parameters)["total"] for task in tasks} == totals
    said = robot_folder.output()
    assert [word in said for word in ("no such asset", "task a normal 10 robot", "no second one", "booked")] == [
        True
    ] * 4
    line = next(line for line in store.logs.newest() if line.message == "an error")
    assert line.level == "Error"


# ---- mistakes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("nonsense", "is not what"),
        ("[quirks]\nabsent = 1\n", "[quirks] holds texts"),
        ("quirks = 1\n", "[quirks] holds texts"),
        ('[quirks]\nabsent = "sometimes"\n', "quirks.absent: must be one of keep, reset"),
        ('[verbs]\n"task/update" = "POST"\n', "[verbs] holds lists"),
        ('[verbs]\n"task/update" = ["PATCH"]\n', "[verbs] holds lists"),
        ("#" * (300 << 10), "is larger than"),
    ],
)
def test_bad_profile_stops_the_start(robot_folder: RobotFolder, capsys: Any, text: str | None, says: str) -> None:
    """With one sentence, in `check`, at `run` and by the one reader of such files; nothing is asked before."""
    path = robot_folder.path / "server.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    robot_folder.settings(orchestrator={"profile": "server.toml"})

    assert main(["check", "--config", str(robot_folder.path / "robot.toml")]) == 2
    assert says in capsys.readouterr().err
    done = robot_folder.run()
    assert (done.exit_code, says in done.err, len(done.err.splitlines())) == (2, True, 1)
    assert robot_folder.calls() == []
    assert main(["orchestrator", "serve", "--like", str(path)]) == 2
    assert says in capsys.readouterr().err
    with pytest.raises(SettingsError):
        profiles.read(path)


def test_ways_of_taking_that_do_not_fit_are_told(robot_folder: RobotFolder, capsys: Any) -> None:
    """Without its call `server` is a mistake; announcing where tags get lost is a warning."""
    config = str(robot_folder.path / "robot.toml")
    robot_folder.settings(sdk={"take": "server"})
    assert main(["check", "--config", config]) == 2
    assert "sdk.take_call: is missing" in capsys.readouterr().err
    robot_folder.settings(sdk={"take": "server", "take_call": "queue/lastTask"})
    assert main(["check", "--config", config]) == 2
    assert "must be VERB PATH" in capsys.readouterr().err

    (robot_folder.path / "server.toml").write_text('[quirks]\nadd_tag = "racy"\n', encoding="utf-8")
    robot_folder.settings(orchestrator={"profile": "server.toml"})
    assert main(["check", "--config", config]) == 0
    assert "is not safe among several robots here" in capsys.readouterr().out
    assert "is not safe among several robots here" in robot_folder.run().err + robot_folder.log()
