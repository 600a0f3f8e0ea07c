"""Every name of `fsm_robot.sdk` at work, in every place."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.sdk.places import Place

HEAD = """
import csv, io, logging, os, pickle, sys, threading
from datetime import date, datetime, timedelta, timezone
from fsm_robot.sdk import *
from fsm_robot.sdk import log
"""


def test_tasks_come_by_deadline_then_priority_then_age(place: Place) -> None:
    """A task whose deadline is over outranks all others."""
    place.queue(
        "Q",
        [
            {"name": "old"},
            {"name": "low", "priority": "low"},
            {"name": "high", "priority": "high"},
            {"name": "due", "deadline": "2020-01-01T00:00:00+00:00"},
            {"name": "young"},
        ],
    )

    said = place.run(f"{HEAD}\nprint(*[task.name for task in queue('Q').tasks()])")

    assert said.splitlines()[0] == "due high old young low"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ('tags="pdf"', "a b"),
        ('tags="pdf;-foreign"', "a"),
        ('tags=["PDF", "+foreign"]', "b"),
        ('name="*b*"', "b"),
        ('name="A"', "a"),
        ('priority="high"', "c"),
        ("created_after=datetime(2026, 6, 1, tzinfo=timezone.utc)", "b"),
        ("limit=2", "c a"),
    ],
)
def test_tasks_can_be_chosen(place: Place, filters: str, names: str) -> None:
    """Tags with a minus are left out, a star stands for any text, case does not count."""
    if place.way == "robot" and "created" in filters:
        pytest.skip("a server does not let itself be told when a task was made")
    place.queue(
        "Q",
        [
            {"name": "a", "tags": "pdf", "created": "2026-01-01T00:00:00"},
            {"name": "b", "tags": ["pdf", "foreign"], "created": "2026-11-01 10:00:00"},
            {"name": "c", "priority": "high"},
        ],
    )

    said = place.run(f"{HEAD}\nprint(*[task.name for task in queue('Q').tasks({filters})])")

    assert said.splitlines()[0] == names


def test_a_postponed_task_is_new_again_at_its_time(place: Place) -> None:
    """Put off until a moment that is over, it comes in the same loop."""
    place.queue(
        "Q", [{"name": "1"}, {"name": "later", "status": "Postponed", "postponed": "2999-01-01T00:00:00+00:00"}]
    )

    place.run(
        f"""{HEAD}
first = queue("Q").take()
first.postpone(datetime.now(timezone.utc) - timedelta(hours=1))
again = queue("Q").take()
assert again.guid == first.guid and again.name == "1"
again.done()
assert queue("Q").take() is None
"""
    )

    assert place.statuses() == ["Success", "Postponed"]


def test_a_loop_may_wait_for_tasks_that_come_late(place: Place) -> None:
    """`idle_wait` goes on looking while another thread adds."""
    place.queue("Q")

    said = place.run(
        f"""{HEAD}
import fsm_robot.sdk._queues as queues
queues.LOOK_EVERY_S = 0.1
threading.Timer(0.3, lambda: queue("Q").add({{"n": 1}}, name="late")).start()
for task in queue("Q").tasks(idle_wait=20, limit=1):
    print(task.name, task["n"])
"""
    )

    assert said.splitlines()[0] == "late 1"


def test_add_add_many_list_and_find(place: Place) -> None:
    """Rows become tasks with names made of them; what is there already may be skipped."""
    place.queue("Q", [{"name": "2", "status": "Success"}], unique_tasks=True)

    said = place.run(
        f"""{HEAD}
q = queue("Q")
rows = list(csv.DictReader(io.StringIO("number,total\\n1,10\\n2,20\\n3,30\\n")))
made = q.add_many(rows, name="{{number}}", tags="pdf", priority="high", on_duplicate="skip")
print(len(made), len(set(made)))
guid = q.add({{"when": datetime(2026, 11, 27), "path": __import__("pathlib").Path("a")}}, name="more", deadline=datetime(2026, 12, 1, tzinfo=timezone.utc))
print(guid == q.find("more").guid, q.find("more")["when"], q.find("nothing"))
print([row.name for row in q.list("New")], [row.name for row in q.list(status=2)], len(q.list(limit=1)))
print(q.find("1").tags, q.find("1").priority, q.find("more").deadline)
try:
    q.add({{}}, name="3")
except ConflictError as error:
    print(error)
"""
    ).splitlines()

    assert said[0] == "2 2"
    assert said[1] == "True 2026-11-27T00:00:00 None"
    assert said[2] == "['1', '3', 'more'] ['2'] 1"
    assert said[3] == "('pdf',) high 2026-12-01 00:00:00+00:00"
    assert said[4] == "the queue Q already has a task 3, and accepts each name only once"


def test_a_thousand_rows_are_one_call_to_write(place: Place) -> None:
    """Rows of any size: what is too much for one message goes in several."""
    place.queue("Q")
    # A thousand calls to a server take long, under Wine longer than a job may here; the messages to the robot are large alike.
    rows, size = (1000, 900) if place.way == "folder" else (100, 9000)

    said = place.run(
        f"""{HEAD}
print(len(queue("Q").add_many(({{"n": n, "text": "ш" * {size}}} for n in range({rows})), name="{{n}}")))
"""
    )

    assert said.splitlines()[0] == str(rows)
    assert len(place.tasks()) == rows


def test_a_task_changes_while_it_is_open(place: Place) -> None:
    """Parameters, comment, deadline, priority and tags."""
    place.queue("Q", [{"name": "1", "parameters": {"a": 1}, "tags": "x;y"}])

    place.run(
        f"""{HEAD}
with queue("Q").take() as task:
    task.update(parameters={{"a": 2}}, comment="at work", priority="low")
    task.tag("z", "w")
    task.untag("x")
    assert task["a"] == 2 and task.priority == "low" and task.tags == ("y", "z", "w"), task.tags
"""
    )

    (row,) = place.tasks().values()
    assert (row["parameters"], row["comment"], row["priority"], row["tags"]) == (
        {"a": 2},
        "at work",
        0,
        ["y", "z", "w"],
    )


def test_parameters_are_told_by_name(place: Place) -> None:
    """A name that is not there is told with those that are; what is no mapping stands under `parameters`."""
    place.queue("Q", [{"name": "1", "parameters": {"number": 7}}, {"name": "2", "parameters": [1, 2]}])

    said = place.run(
        f"""{HEAD}
first, second = queue("Q").take(), queue("Q").take()
print(second["parameters"], "number" in first, first.get("sum", 5))
try:
    first["sum"]
except KeyError as error:
    print(error)
print(repr(first))
"""
    ).splitlines()

    assert said[0] == "[1, 2] True 5"
    assert "task 1 has no parameter 'sum'; it has number" in said[1]
    assert "7" not in said[2]


def test_credentials_assets_and_calendars(place: Place) -> None:
    """A credential unpacks to two, a text is a number or JSON where it is one, a calendar knows its days off."""
    place.assets(
        **{
            "ERP": {"login": "robot", "password": "s3cret-word"},
            "Limit": "1 000,50",
            "Colours": '{"red": 1}',
            "Holidays": {"dates": ["2026-05-09", "11.05.2026"]},
        }
    )

    said = place.run(
        f"""{HEAD}
login, password = credential("ERP")
print(login, len(password), password == "s3cret-word", repr(credential("ERP")), f"{{credential('ERP')}}")
print(asset("Limit").number, asset("Colours").json, asset("Limit").text)
days = calendar("Holidays")
print(days.is_working_day(date(2026, 5, 9)), days.next_working_day(date(2026, 5, 8)), days.is_working_day(datetime(2026, 5, 11)))
asset("Limit").set(2000)
print(asset("Limit").number)
credential("ERP").set(password="another-word")
print(credential("ERP").password == "another-word", credential("ERP").login)
try:
    pickle.dumps(credential("ERP"))
except TypeError as error:
    print(error)
for wrong in (lambda: credential("Limit"), lambda: asset("Limmit"), lambda: calendar("ERP")):
    try:
        wrong()
    except SdkError as error:
        print(type(error).__name__, error)
"""
    ).splitlines()

    assert said[0] == "robot 11 True <Credential 'ERP'> <Credential 'ERP'>"
    assert said[1] == "1000.5 {'red': 1} 1 000,50"
    assert said[2] == "False 2026-05-10 False"
    assert said[3] == "2000"
    assert said[4] == "True robot"
    assert "cannot be saved or sent" in said[5]
    assert said[6] == "RefusedError the asset Limit is a text, not a credential"
    assert said[7].startswith("NotFoundError")
    assert place.way == "robot" or "did you mean 'Limit'?" in said[7]
    assert said[8] == "RefusedError the asset ERP is a credential, not a calendar"
    if place.way != "robot":
        assert json.loads((place.path / "assets.json").read_text())["Limit"] == "1 000,50"


def test_files_go_up_and_down_and_away(place: Place) -> None:
    """By path, whole, of any size; a file of that name is replaced, and what a person has put there stays."""
    place.file("In", "a.bin", bytes(range(256)) * 20_000)
    place.folders("Out")

    said = place.run(
        f"""{HEAD}
path = storage("In").download("a.bin")
print(path.name, path.stat().st_size)
storage("Out").upload(path)
storage("Out").upload(path, "два.bin")
print(storage("Out").download("два.bin", "here.bin").stat().st_size, os.path.exists("here.bin.part"))
storage("Out").write_text("note.txt", "привет\\n")
storage("Out").write_text("note.txt", "ещё\\n")
print(storage("Out").read_text("note.txt").strip())
storage("In").delete("a.bin")
for wrong in (lambda: storage("In").download("a.bin"), lambda: storage("Нет").download("x"), lambda: storage("In").upload("nothing")):
    try:
        wrong()
    except NotFoundError as error:
        print(error)
print(path)
"""
    ).splitlines()

    assert said[:3] == ["a.bin 5120000", "5120000 False", "ещё"]
    assert "has no file 'a.bin'" in said[3]
    assert "Нет" in said[4]
    assert "is not a file" in said[5]
    assert not Path(said[6]).exists()
    assert place.way == "robot" or (place.path / "files" / "In" / "a.bin").exists()


def test_jobs_are_created_read_and_stopped(place: Place) -> None:
    """Parameters make a task first."""
    place.queue("Q")

    said = place.run(
        f"""{HEAD}
job = jobs.create("Book", parameters={{"n": 1}}, queue=queue("Q"), priority="high", abort_after=timedelta(hours=2))
print(jobs.read(job).status_word)
jobs.stop(job.guid)
print(jobs.read(job).status_word)
for wrong in (lambda: jobs.read("nothing"), lambda: jobs.create("x", robot="a", group="b")):
    try:
        wrong()
    except (SdkError, ValueError) as error:
        print(error)
"""
    ).splitlines()

    assert said[:2] == ["Pending", "Stopped"]
    assert "job nothing" in said[2]
    assert "not for both" in said[3]
    (row,) = place.tasks().values()
    assert row["parameters"] == {"n": 1}


def test_a_field_of_a_line_may_have_any_name(place: Place) -> None:
    """A script says `error=`, `level=` or `time=` of its own work, also where our code has a word of that name."""
    names = ["args", "error", "fields", "level", "lost", "name", "named", "op", "record", "self", "text", "time"]
    place.run(
        f"""{HEAD}
tells = (log.debug, log.info, log.warning, log.error, log.critical, log.exception)
for number, name in enumerate({names}):
    tells[number % len(tells)]("said", **{{name: "mine"}})
"""
    )

    lines = place.log()
    # A server may get several in one message, each with its time.
    said = [re.sub(r"^\[[-0-9: ]+\] ", "", part) for line in lines for part in line["message"].split("\n")]
    assert [text[:4] for text in said] == ["said"] * len(names)
    assert all("mine" in str(line.get("fields") or line["message"]) for line in lines)


def test_log_lines_have_levels_fields_and_the_threads_own_context(place: Place) -> None:
    """`log.fields` is inherited by what is logged inside it, and by nothing else."""
    place.run(
        f"""{HEAD}
with log.fields(invoice=17):
    log.info("booked %s of %d", "a", 3, customer="ООО")
    with log.fields(page=2):
        log.warning("slow")
log.debug("plain %s")
log.critical("100%", when=date(2026, 1, 1), odd=object)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("sum failed")
log.install(level="WARNING")
logging.getLogger("erp").warning("slow answer: %.1f s", 7.2)
logging.getLogger("erp").info("not this")
logging.getLogger("erp").log(35, "between")
"""
    )

    lines = place.log()
    assert [line["level"] for line in lines] == ["INFO", "WARNING", "DEBUG", "CRITICAL", "ERROR", "WARNING", "WARNING"]
    # The orchestrator's log has no fields of its own: there they stand behind the text.
    beside = [line.get("fields") or line["message"] for line in lines]
    assert [key in str(beside[0]) for key in ("invoice", "customer", "17", "ООО", "page")] == [True] * 4 + [False]
    assert [key in str(beside[1]) for key in ("invoice", "page")] == [True, True]
    assert "invoice" not in str(beside[2])
    assert "2026-01-01" in str(beside[3])
    texts = [line["message"] for line in lines]
    assert texts[0].startswith("booked a of 3")
    assert texts[4].endswith("ZeroDivisionError: division by zero")
    assert texts[5].startswith("slow answer: 7.2 s")
    assert "erp" in str(beside[5])


def test_the_handler_is_named_in_a_dict_config(place: Place) -> None:
    """As `logging` wants it: by the name of its class."""
    place.run(
        f"""{HEAD}
import logging.config
logging.config.dictConfig({{
    "version": 1,
    "handlers": {{"orchestrator": {{"class": "fsm_robot.sdk.log.Handler", "level": "ERROR"}}}},
    "root": {{"handlers": ["orchestrator"], "level": "INFO"}},
}})
logging.error("bad")
logging.info("fine")
"""
    )

    (line,) = place.log()
    assert line["message"].startswith("bad")


def test_hidden_texts_are_in_no_comment_and_no_log(place: Place) -> None:
    """A password from the moment it is read, and what the script itself asks to hide."""
    place.queue("Q", [{"name": "1"}])
    place.assets(ERP={"login": "robot", "password": "s3cret-word"})

    place.run(
        f"""{HEAD}
hide("token-of-the-erp")
_, password = credential("ERP")
log.info("with %s and token-of-the-erp", password, field=password)
queue("Q").take().done(f"done with {{password}}")
"""
    )

    assert place.tasks()["1"]["comment"] == "done with ***"
    (line,) = place.log()
    assert line["message"].startswith("with *** and ***")
    assert "s3cret" not in str(line)


def test_what_never_raises_does_not(place: Place) -> None:
    """Progress, screenshots and the question whether to stop."""
    said = place.run(
        f"""{HEAD}
progress(3, 10, "invoices")
progress()
print(should_stop(), screenshot("x"))
"""
    )

    assert said.splitlines()[0] == "False None"


def test_each_process_of_a_script_may_ask(place: Place) -> None:
    """Forked and new ones take part in the same try, and a child's end settles nothing of its parent's."""
    place.queue("Q", [{"name": str(number)} for number in range(6)])

    place.run(
        f"""{HEAD}
import multiprocessing

def work(how):
    for task in queue("Q").tasks(limit=1):
        with task:
            task.done(how)

if __name__ == "__main__":
    mine = queue("Q").take()
    for how in multiprocessing.get_all_start_methods():
        child = multiprocessing.get_context(how).Process(target=work, args=(how,))
        child.start()
        child.join(30)
        assert child.exitcode == 0
    mine.done("parent")
"""
    )

    comments = [row["comment"] for row in place.tasks().values() if row["status_word"] == "Success"]
    assert comments[0] == "parent"
    assert "spawn" in comments


@pytest.mark.skipif(sys.platform == "win32", reason="os.fork")
def test_a_fork_waits_for_a_first_call_that_another_thread_is_in(place: Place) -> None:
    """What is imported late is imported by one thread, and a child that is forked meanwhile would wait for it for ever."""
    place.queue("Q", [{"name": "1"}, {"name": "2"}])
    place.run(
        """
import os, signal, sys, threading, time
from fsm_robot.sdk import queue

begun = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name in ("fsm_robot.sdk._jobapi", "fsm_robot.sdk._folder"):
            begun.set()
            time.sleep(0.4)

def first():
    queue("Q").take().done()

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=first)
thread.start()
assert begun.wait(20)
pid = os.fork()
if pid == 0:
    signal.alarm(15)
    queue("Q").take().done()
    os._exit(0)
thread.join()
assert os.waitpid(pid, 0)[1] == 0, "the child waits for ever"
"""
    )
    assert place.statuses() == ["Success", "Success"]


def test_threads_take_each_task_once(place: Place) -> None:
    """Many at a time: no task is handed out twice."""
    count = 40 if place.way == "folder" else 16
    place.queue("Q", [{"name": str(number)} for number in range(count)])

    said = place.run(
        f"""{HEAD}
names = []
def work():
    for task in queue("Q").tasks():
        with task:
            names.append(task.name)
threads = [threading.Thread(target=work) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
print(len(names), len(set(names)))
"""
    )

    assert said.splitlines()[0] == f"{count} {count}"
    assert set(place.statuses()) == {"Success"}


def test_a_queue_that_is_not_there_is_told_with_what_is(place: Place) -> None:
    """The nearest name, and what to do."""
    place.queue("Invoices")

    said = place.run(
        f"""{HEAD}
try:
    queue("Invoises").take()
except NotFoundError as error:
    print(error)
"""
    )

    assert "queue" in said
    assert "Invoises" in said
    assert place.way == "robot" or "did you mean 'Invoices'?" in said


@pytest.mark.parametrize(
    "wrong",
    [
        'queue("")',
        'queue("Q").tasks(limit=0)',
        'queue("Q").tasks(on_stop="x")',
        'queue("Q").tasks(priority="urgent")',
        'queue("Q").list(status="Nearly")',
        'queue("Q").add({"x": object()})',
        'queue("Q").add({"x": float("nan")})',
        'queue("Q").add({1.5: [{2, 3}]})',
        'queue("Q").add({}, deadline="tomorrow")',
        'queue("Q").add({}, on_duplicate="x")',
        'queue("Q").add_many([{"a": 1}], name="{b}")',
        'queue("Q").take().postpone()',
        "Postpone()",
        'credential("")',
        'credential("ERP").set()',
        'storage("")',
        'jobs.create("x", priority="urgent")',
        'jobs.create("x", parameters={})',
        "jobs.read(5)",
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_done(folder_place: Place, wrong: str) -> None:
    """A sentence that says what it must be, as a ValueError or TypeError; nobody is asked, so that the place does not matter."""
    place = folder_place
    place.queue("Q", [{"name": "1"}])
    place.assets(ERP={"login": "a", "password": "bcdefg"})

    said = place.run(
        f"""{HEAD}
try:
    {wrong}
except (ValueError, TypeError) as error:
    print("refused:", error)
"""
    )

    assert said.startswith("refused: ")
