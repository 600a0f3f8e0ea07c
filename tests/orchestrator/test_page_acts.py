"""What a person does on the page with the mouse and the keyboard, in a real browser; and who may not do it."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.orchestrator.page_actions import ACTIONS
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.storage import Plain
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from tests.fakes.waiting import PATIENCE_S, until
from tests.orchestrator.conftest import Api, OpenRobot
from tests.orchestrator.test_page import click, rows

HOSTILE = "<img src=x onerror=document.title='bad'>"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file: what a browser does with the same calls is the same."""
    return tmp_path / "orchestrator.sqlite"


def write(browser: Any, form: str, **fields: str) -> None:
    for name, text in fields.items():
        field = browser.find_element("css selector", f"#{form} [name={name}]")
        if field.tag_name == "input":
            field.clear()
        field.send_keys(text)


def told(browser: Any, selector: str) -> str:
    return str(browser.find_element("css selector", selector).text)


def press(browser: Any, selector: str) -> None:
    browser.find_element("css selector", selector).click()


def is_clean(browser: Any) -> bool:
    """Whether the console has no word of an error, but for answers that were meant to be refusals."""
    entries = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    return [entry for entry in entries if "status of 400" not in entry["message"]] == []


def test_job_is_enqueued_looked_into_stopped_and_aborted(
    server: Orchestrator, robot: OpenRobot, browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The command line that stands beside does the same; an abort is asked for twice; the dialog shows what comes."""
    browser.get(server.url)
    click(browser, "#work summary")
    write(browser, "enqueue", script="отчёты/сводка", task='{"месяц": "2026-10"}', name="за октябрь", priority="high")
    line = told(browser, "#enqueue .command code")
    press(browser, "#enqueue [type=submit]")
    until(lambda: "за октябрь" in "".join(rows(browser, "jobs")))

    (job,) = server.store.jobs()
    assert (job.script, job.name, job.priority, json.loads(job.task_text or "")) == (
        "отчёты/сводка", "за октябрь", 3, {"месяц": "2026-10"}
    )  # fmt: skip
    assert f"job {job.guid[:8]} is enqueued" in told(browser, "#told")
    import shlex

    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[1:]) == 0
    twin = Store(tmp_path / "orchestrator.sqlite").jobs()[-1]
    assert (twin.script, twin.name, twin.priority, twin.task_text) == (
        job.script,
        job.name,
        job.priority,
        job.task_text,
    )
    server.store.order_abort(twin.guid)
    capsys.readouterr()

    gateway = robot()
    taken = gateway.consume_job().job
    assert taken is not None
    gateway.update_job(job.guid, 8)
    click(browser, f"[data-opens=job][data-id='{job.guid}']")
    until(lambda: "In progress" in told(browser, "#job-facts"))
    server.store.log(HOSTILE, "Info", job_guid=job.guid)
    until(lambda: any(HOSTILE in row for row in rows(browser, "job-lines")))
    assert f"fsm-robot orchestrator stop {job.guid}" in told(browser, "#job-orders")
    press(browser, "[data-order='job/stop']")
    until(lambda: "Stopping" in told(browser, "#job-facts"))
    press(browser, "[data-order='job/abort']")
    assert told(browser, "[data-order='job/abort']") == "Really abort?"
    assert server.store.job(job.guid).ordered == "stop"
    press(browser, "[data-order='job/abort']")
    until(lambda: "Aborting" in told(browser, "#job-facts"))
    assert server.store.job(job.guid).ordered == "abort"
    gateway.update_job(job.guid, 3)
    until(lambda: not browser.find_element("css selector", "[data-order='job/abort']").is_enabled())
    press(browser, "#job-dialog .close")
    assert not browser.find_element("id", "job-dialog").is_displayed()
    assert browser.title == "fsm_robot: embedded orchestrator"
    assert is_clean(browser)


def test_task_is_added_looked_into_and_put_in_again(server: Orchestrator, browser: Any) -> None:
    """The queue is made; counts and tasks follow without a reload; the parameters stay out."""
    browser.get(f"{server.url}/#/queues")
    click(browser, "#queues summary")
    write(
        browser, "add-task", queue="Счета", name="4711", parameters='{"geheim": "wort-17"}', tags="pdf", priority="high"
    )
    assert "task add Счета" in told(browser, "#add-task .command code")
    press(browser, "#add-task [type=submit]")
    click(browser, "#queue-list [data-opens=queue]")
    until(lambda: "4711" in "".join(rows(browser, "tasks")))

    (task,) = server.store.tasks.fitting(TaskFilter())
    assert (task.queue, task.priority, task.tags, json.loads(task.parameters)) == (
        "Счета", 2, "pdf", {"geheim": "wort-17"}
    )  # fmt: skip
    server.store.tasks.change(task, {"status": 3, "comment": HOSTILE})
    until(lambda: HOSTILE in rows(browser, "tasks")[0])
    press(browser, f"[data-opens=task][data-id='{task.guid}']")
    until(lambda: "Failed (Application)" in told(browser, "#task-facts"))
    assert len(rows(browser, "moves")) == 2
    assert "wort-17" not in browser.page_source
    press(browser, "[data-order='task/retry']")
    until(lambda: len(server.store.tasks.fitting(TaskFilter())) == 2)
    press(browser, "#task-dialog .close")
    until(lambda: rows(browser, "queue-list")[0].split()[1:] == ["1", "1"])
    browser.find_element("id", "task-status").send_keys("Failed (A")
    until(lambda: len(rows(browser, "tasks")) == 1)
    assert server.store.tasks.fitting(TaskFilter(status=0))[0].parent_task == task.guid
    assert is_clean(browser)


def test_parameters_are_shown_where_that_was_asked_for(server: Orchestrator, browser: Any) -> None:
    """`serve --show-data`."""
    server.shows_data = True
    task = server.store.tasks.add(server.store.queues.add("q"), "t", '{"a": "wort-17"}')
    browser.get(f"{server.url}/#/queues")
    click(browser, "#queue-list [data-opens=queue]")
    click(browser, f"[data-id='{task.guid}']")

    until(lambda: "wort-17" in told(browser, "#task-facts"))


def test_what_is_wrong_is_told_beside_the_form_and_what_was_typed_stays(server: Orchestrator, browser: Any) -> None:
    """One sentence; nothing was done."""
    browser.get(server.url)
    click(browser, "#work summary")
    write(browser, "enqueue", script="x", task="{")
    press(browser, "#enqueue [type=submit]")

    until(lambda: "is not JSON" in told(browser, "#enqueue .error"))
    assert browser.find_element("css selector", "#enqueue [name=task]").get_attribute("value") == "{"
    assert server.store.jobs() == []


def test_logs_follow_and_are_filtered_by_job_and_level(server: Orchestrator, browser: Any) -> None:
    """500 lines at most, the youngest in sight; a filter that changes begins anew; without following they stand still."""
    jobs = [server.store.enqueue("x") for _ in range(2)]
    for number in range(520):
        server.store.log(f"строка {number}", "Info", job_guid=jobs[number % 2])
    browser.get(f"{server.url}/#/logs")
    until(lambda: len(rows(browser, "lines")) == 500)
    assert "строка 519" in rows(browser, "lines")[-1]
    server.store.log("новая", "Error", job_guid=jobs[0])
    until(lambda: "новая" in rows(browser, "lines")[-1])
    bottom = "const s = document.getElementById('lines-table'); return s.scrollHeight - s.clientHeight - s.scrollTop"
    assert browser.execute_script(bottom) < 2

    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("id", "log-level")).select_by_visible_text("Warning")
    until(lambda: len(rows(browser, "lines")) == 1)
    assert "log --follow --level warning" in told(browser, "#log-command")
    Select(browser.find_element("id", "log-level")).select_by_visible_text("all")
    browser.find_element("id", "log-job").send_keys(jobs[1][:8])
    until(lambda: len(rows(browser, "lines")) == 260)
    press(browser, "#follow")
    server.store.log("unsichtbar", "Info", job_guid=jobs[1])
    beats = "return performance.getEntriesByType('resource').filter((e) => e.name.endsWith('state.json')).length"
    looks = browser.execute_script(beats)
    until(lambda: browser.execute_script(beats) > looks + 1)
    assert "unsichtbar" not in rows(browser, "lines")[-1]
    press(browser, "#follow")
    until(lambda: "unsichtbar" in rows(browser, "lines")[-1])
    assert is_clean(browser)


def test_assets_and_files_are_shown_without_a_value(server: Orchestrator, browser: Any) -> None:
    """As they come; neither a page nor an answer holds the value."""
    browser.get(f"{server.url}/#/assets")
    until(lambda: browser.find_element("id", "no-asset-list").is_displayed())
    server.store.assets.add(HOSTILE, type=1, text="anna-18", password="geheim-17")
    until(lambda: HOSTILE in "".join(rows(browser, "asset-list")))
    server.store.storage.add_file("отчёт.pdf", Plain(b"inhalt-19"), server.store.storage.add_folder("Входящие"))
    press(browser, "#tab-files")
    until(lambda: "отчёт.pdf" in "".join(rows(browser, "file-list")))

    answers = "".join(
        browser.execute_async_script("fetch(arguments[0]).then((a) => a.text()).then(arguments[1])", path)
        for path in ("/assets.json", "/files.json", "/state.json")
    )
    assert not re.search("anna-18|geheim-17|inhalt-19", answers + browser.page_source)
    assert is_clean(browser)


def test_everything_is_reached_with_the_keyboard(server: Orchestrator, robot: OpenRobot, browser: Any) -> None:
    """Arrows between the tabs, Enter on a job, Escape back to where one was, while the tables go on changing."""
    from selenium.webdriver.common.keys import Keys

    guid = server.store.enqueue("x")
    browser.get(server.url)
    until(lambda: len(rows(browser, "jobs")) == 1)
    browser.find_element("id", "tab-work").send_keys(Keys.ARROW_RIGHT)
    until(lambda: browser.find_element("id", "queues").is_displayed())
    browser.switch_to.active_element.send_keys(Keys.END)
    until(lambda: browser.find_element("id", "runs").is_displayed())
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    until(lambda: browser.find_element("id", "work").is_displayed())
    assert browser.switch_to.active_element.get_attribute("aria-selected") == "true"
    job = browser.find_element("css selector", f"[data-id='{guid}']")
    job.send_keys(Keys.ENTER)
    until(lambda: browser.find_element("id", "job-dialog").is_displayed())
    assert browser.execute_script("return document.getElementById('job-dialog').contains(document.activeElement)")
    server.store.enqueue("younger")
    until(lambda: len(rows(browser, "jobs")) == 2)
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)

    until(lambda: not browser.find_element("id", "job-dialog").is_displayed())
    assert browser.switch_to.active_element == job
    browser.back()
    until(lambda: browser.find_element("id", "runs").is_displayed())


def test_page_knows_a_server_that_was_started_anew(server: Orchestrator, browser: Any) -> None:
    """Its token is another one; the page learns it by itself."""
    browser.get(server.url)
    until(lambda: "0 robots" in told(browser, "#summary"))
    server.stop()
    server.page_token = "another"
    server.start()
    until(lambda: browser.execute_async_script(
        "fetch('/state.json').then((a) => a.json()).then((s) => arguments[0](s.token))") == "another")  # fmt: skip
    click(browser, "#work summary")
    write(browser, "enqueue", script="x")
    looks = "return performance.getEntriesByType('resource').length"
    before = browser.execute_script(looks)
    until(lambda: browser.execute_script(looks) > before + 2)
    press(browser, "#enqueue [type=submit]")
    until(lambda: len(server.store.jobs()) == 1)


# ---- who may not


def post(server: Orchestrator, action: str, body: object, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    sent = {"Content-Type": "application/json", "X-Page-Token": server.page_token}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(
        "POST", f"/page/{action}", json.dumps(body), {name: value for name, value in sent.items() if value}
    )
    answer = connection.getresponse()
    found = json.loads(answer.read())
    assert answer.headers["Access-Control-Allow-Origin"] is None
    connection.close()
    return answer.status, found


BODIES: dict[str, dict[str, Any]] = {
    "job/enqueue": {"script": "x"},
    "job/stop": {"guid": "last"},
    "job/abort": {"guid": "last"},
    "task/add": {"queue": "q"},
    "task/retry": {"guid": "t"},
}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "own"}, 200),
        ({"X_Page_Token": ""}, 403),
        ({"X_Page_Token": "я"}, 403),
        ({"X_Page_Token": "x" * 43}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 403),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 403),
        ({"Content_Type": ""}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
@pytest.mark.parametrize("action", ACTIONS)
def test_action_of_another_site_is_not_done(
    server: Orchestrator, action: str, headers: dict[str, str], status: int
) -> None:
    """The token, the kind of body, where it comes from and under which name: each alone turns it away."""
    server.store.enqueue("y")
    server.store.tasks.add(server.store.queues.add("q"), "t")
    before = (server.store.jobs(), server.store.tasks.fitting(TaskFilter()))
    sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    if headers.get("Origin") == "own":
        sent["Origin"] = server.url

    assert post(server, action, BODIES[action], **sent)[0] == status

    assert (before == (server.store.jobs(), server.store.tasks.fitting(TaskFilter()))) == (status != 200)


def test_page_does_nothing_where_others_reach_the_server(tmp_path: Path) -> None:
    """`--host 0.0.0.0`: it shows, and there is no token that could be right."""
    with Orchestrator(Store(tmp_path / "o.sqlite"), host="0.0.0.0") as server:
        assert server.page_token == ""
        for action, body in BODIES.items():
            assert post(server, action, body)[0] == 403


@pytest.mark.parametrize(
    ("action", "body", "says"),
    [
        ("job/enqueue", {}, "script must be"),
        ("job/enqueue", {"script": "x", "priority": "9"}, "from 1 to 3"),
        ("job/enqueue", {"script": "x", "task": "[1]"}, "must be a JSON object"),
        ("job/enqueue", {"script": "x", "robot": "nobody"}, "no robot"),
        ("job/stop", {"guid": "nothing"}, "no job"),
        ("task/add", {"queue": "q", "parameters": "{"}, "is not JSON"),
        ("task/add", {"queue": ""}, "queue must be"),
        ("task/retry", {"guid": "nothing"}, "no task"),
        ("task/retry", [1], "not readable"),
    ],
)
def test_action_that_cannot_be_done_is_told(server: Orchestrator, action: str, body: object, says: str) -> None:
    """400 and a sentence; another path 404, another verb 405."""
    status, answer = post(server, action, body)

    assert status == 400
    assert says in answer["error"]
    assert post(server, "job/delete", {})[0] == 404
    assert Api(server).tried("PUT", "../page/job/stop")[0] in (404, 405)


@pytest.mark.parametrize(
    "path",
    ["job.json?guid=none", "tasks.json?queue=none", "task.json", "logs.json?after=x", "logs.json?after=" + "9" * 30],
)
def test_part_of_the_page_that_is_not_there_is_told(server: Orchestrator, path: str) -> None:
    """404 or 400, as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("GET", f"/{path}")
    answer = connection.getresponse()
    assert answer.status in (400, 404)
    assert json.loads(answer.read())["error"]
    connection.close()


def test_form_of_another_page_in_a_real_browser_does_nothing(
    server: Orchestrator, browser: Any, tmp_path: Path
) -> None:
    """Neither by a form nor by a script, nor does it read the token."""
    server.store.enqueue("y")
    (tmp_path / "evil.html").write_text(
        f'<form method=post enctype=text/plain action={server.url}/page/job/abort><input name=\'{{"guid":"last","a\' '
        "value='\":1}'></form><script>"
        f"fetch('{server.url}/page/job/abort', {{method: 'POST', body: '{{\"guid\": \"last\"}}', "
        "headers: {'Content-Type': 'application/json', 'X-Page-Token': 'x'}}).catch(() => document.title = 'refused');"
        f"fetch('{server.url}/state.json').then((a) => a.text()).then((t) => document.title = t)"
        ".catch(() => document.body.append('unread'));</script>",
        encoding="utf-8",
    )
    browser.get((tmp_path / "evil.html").as_uri())
    until(lambda: browser.title == "refused" and "unread" in browser.page_source)
    browser.execute_script("document.forms[0].submit()")
    until(lambda: "/page/job/abort" in browser.current_url)

    assert server.store.jobs()[0].status_word == "Pending"
