"""The page in a real browser."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli.served_runs import ServedRuns
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.storage import Plain
from fsm_robot.robot.machine import built_in
from tests.fakes.waiting import GUID, until
from tests.orchestrator.conftest import OpenRobot

JOURNALS = Path(__file__).parents[1] / "journals"
# Every visible text whose colour is too near to the ground that it stands on.
CONTRASTS = """
const light = (css) => {
  const parts = css.match(/[0-9.]+/g).slice(0, 3).map((n) => n / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const css = getComputedStyle(node).backgroundColor;
    if (css !== "rgba(0, 0, 0, 0)") return css;
  }
};
return [...document.querySelectorAll("body *")].filter((node) => {
  if (!node.checkVisibility() || ![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) return false;
  const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05) < 4.5;
}).map((node) => node.textContent);
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file: what a browser shows of the same answers is the same."""
    return tmp_path / "orchestrator.sqlite"


def rows(browser: Any, table: str) -> list[str]:
    found: list[str] = browser.execute_script(
        f"return [...document.querySelectorAll('#{table} tr')].map(r => r.innerText)"
    )
    return found


def test_page_shows_robots_and_jobs_as_they_change(server: Orchestrator, robot: OpenRobot, browser: Any) -> None:
    """Nothing first, then a job, its robot, its order, its end; hostile names stay text; the console stays empty."""
    browser.get(server.url)
    until(lambda: "0 robots, 0 jobs" in browser.find_element("id", "summary").text)
    assert "fsm-robot run" in browser.find_element("id", "no-robots").text
    hostile = "<img src=x onerror=document.title='bad'>"
    server.store.enqueue(hostile)
    guid = server.store.enqueue("отчёты\\сводка", name="за октябрь", priority=3)
    until(lambda: len(rows(browser, "jobs")) == 2)

    gateway = robot()
    job = gateway.consume_job().job
    assert job is not None
    gateway.update_job(guid, 8)
    gateway.begin_beats(job)
    gateway.beat(job)
    until(lambda: "Working" in "".join(rows(browser, "robots")))
    assert "In progress" in rows(browser, "jobs")[0]
    server.store.order_stop(guid)
    until(lambda: "Stopping" in rows(browser, "jobs")[0])
    gateway.update_job(guid, 7)
    until(lambda: "Stopped" in rows(browser, "jobs")[0])

    if folder := os.environ.get("FSM_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / "orchestrator.png"))
    assert "отчёты\\сводка (за октябрь)" in rows(browser, "jobs")[0]
    assert hostile in rows(browser, "jobs")[1]
    assert browser.title == "fsm_robot: embedded orchestrator"
    assert GUID not in browser.page_source
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_page_says_so_when_the_server_is_gone_and_goes_on_when_it_is_back(server: Orchestrator, browser: Any) -> None:
    """No stale table is taken for the truth."""
    browser.get(server.url)
    until(lambda: "0 robots" in browser.find_element("id", "summary").text)

    server.stop()
    until(lambda: "does not answer" in browser.find_element("id", "summary").text)
    server.start()

    until(lambda: "0 robots" in browser.find_element("id", "summary").text)


def test_cell_that_has_not_changed_stays_the_same(server: Orchestrator, browser: Any) -> None:
    """What a person has marked, and where a screen reader is, survives the next look at the server."""
    server.store.enqueue("first")
    browser.get(server.url)
    until(lambda: len(rows(browser, "jobs")) == 1)
    browser.execute_script("window.kept = document.querySelector('#jobs td:nth-child(2)')")

    (job,) = server.store.jobs()
    server.store.order_stop(job.guid)
    until(lambda: "Stopped" in rows(browser, "jobs")[0])

    assert browser.execute_script("return window.kept.isConnected && window.kept.textContent") == "first"


def test_page_leads_to_the_runs_which_can_be_walked_through(tmp_path: Path, browser: Any) -> None:
    """The link is there where the server was told of journals; the player's own policy lets its script in."""
    server = Orchestrator(Store(tmp_path / "o.sqlite"), runs=ServedRuns([str(JOURNALS)], 3, built_in()))
    with server:
        browser.get(server.url)
        browser.find_element("id", "tab-runs").click()
        until(lambda: browser.find_element("id", "has-runs").is_displayed())
        browser.find_element("link text", "Step through the runs of the robots").click()
        until(lambda: browser.current_url == f"{server.url}/runs")
        until(lambda: "step 1 of" in browser.find_element("id", "where").text)

        browser.find_element("id", "next").click()

        until(lambda: "step 2 of" in browser.find_element("id", "where").text)
        assert len(browser.find_elements("css selector", "#run option")) == 3
        first, others = browser.find_element("id", "run").text.split("\n", 1)
        assert "exit" in first  # it was fetched, and only then is its end known
        assert "exit" not in others
        browser.find_elements("css selector", "#run option")[1].click()
        until(lambda: browser.find_element("id", "run").text.count("exit") == 2)
        until(lambda: "step 1 of" in browser.find_element("id", "where").text)
        browser.execute_script("fetch = async () => { throw new Error('gone') }")
        browser.find_elements("css selector", "#run option")[2].click()
        until(lambda: "cannot be shown: gone" in browser.find_element("id", "where").text)
        browser.find_elements("css selector", "#run option")[0].click()
        until(lambda: "step 1 of" in browser.find_element("id", "where").text)
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_page_without_runs_has_no_link(server: Orchestrator, browser: Any) -> None:
    """Nothing leads to a page that is not there."""
    browser.get(server.url)
    until(lambda: "0 robots" in browser.find_element("id", "summary").text)

    browser.find_element("id", "tab-runs").click()
    until(lambda: browser.find_element("id", "has-no-runs").is_displayed())
    assert not browser.find_element("id", "has-runs").is_displayed()


NAMES = {"work": {"Robots", "Jobs"}, "queues": {"Queues", "Tasks of Счета"}, "logs": {"Logs"}, "assets": {"Assets"},
         "files": {"Files"}, "runs": set(), "job": {"What it logged last"},
         "task": {"Changes of its status"}}  # fmt: skip


def furnish(server: Orchestrator) -> None:
    """Some of everything, with long names."""
    store, long = server.store, "очень-длинное-имя-" * 6
    queue = store.queues.add("Счета")
    for number in range(3):
        task = store.tasks.add(queue, f"{long}{number}", tags="pdf;срочно")
        store.tasks.change(task, {"status": number, "comment": "x" * 90})
    store.assets.add(long, type=1, text="anna", password="geheim-17", description=long)
    store.storage.add_file(long, Plain(b"x" * 5000), store.storage.add_folder("Входящие"))
    for level in ("Info", "Warning", "Error"):
        store.log(f"{long} {'x' * 200}", level, job_guid=store.jobs()[0].guid)


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1100, "light"),
        (360, "dark"),
        pytest.param(1100, "dark", marks=pytest.mark.long),
        pytest.param(360, "light", marks=pytest.mark.long),
    ],
)
def test_page_fits_and_can_be_read(
    server: Orchestrator, robot: OpenRobot, browser: Any, scheme: str, width: int
) -> None:
    """Nothing but the tables scrolls sideways; text has a contrast of 4.5 to its ground; the tables have names."""
    server.store.enqueue("отчёты\\очень-длинное-имя-сценария-за-октябрь", name="x" * 60)
    server.store.enqueue("y")
    robot().announce(None)
    robot().consume_job()
    furnish(server)
    server.fault("beat:html~600")
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get(server.url)
    until(lambda: len(rows(browser, "jobs")) == 2)

    for place, names in NAMES.items():
        if place == "job":
            browser.find_element("id", "tab-work").click()
            click(browser, "#jobs tr:last-child [data-opens=job]")
            until(lambda: len(rows(browser, "job-lines")) == 3)
        elif place == "task":
            click(browser, "#job-dialog .close")
            browser.find_element("id", "tab-queues").click()
            click(browser, "#tasks [data-opens=task]")
            until(lambda: len(rows(browser, "moves")) == 2)
        else:
            browser.find_element("id", f"tab-{place}").click()
        if place == "queues":
            click(browser, "#queue-list [data-opens=queue]")
            until(lambda: len(rows(browser, "tasks")) == 3)
            browser.execute_script("document.querySelectorAll('details').forEach((d) => d.open = true)")
        until(partial(shows_tables, browser, names), f"tables of {place}")
        if folder := os.environ.get("FSM_SCREENSHOTS"):
            browser.save_screenshot(str(Path(folder) / f"orchestrator-{place}-{scheme}-{width}.png"))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, place
        assert browser.execute_script(CONTRASTS) == [], place
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def shows_tables(browser: Any, names: set[str]) -> bool:
    """Return whether the tables that can be read now have these names; what is behind a dialog cannot be."""
    shown = [table for table in browser.find_elements("css selector", "table") if table.is_displayed()]
    return {table.accessible_name for table in shown} - {""} == names


def click(browser: Any, selector: str) -> None:
    """Click what a person would find; it may still be on its way."""
    until(lambda: any(each.is_displayed() for each in browser.find_elements("css selector", selector)), selector)
    browser.find_element("css selector", selector).click()
