"""The pages in Russian, in a real browser on a phone and on a desk: no English is left, and nothing is cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli.dashboard import player_of
from fsm_robot.cli.served_runs import ServedRuns
from fsm_robot.fleet.dashboard import Board, Dashboard
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.machine import built_in
from tests.fakes.journals import done
from tests.fakes.russian import english_in
from tests.fakes.waiting import until
from tests.fleet.folders import ago, robot

# A browser looks at every tab and dialog at two widths.
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("russian")]
WIDTHS = (390, 1280)
TEXTS = """
const skip = "code, pre, script, style, .id, td.time, time, #player-name";
const seen = [];
for (const node of document.querySelectorAll("body *")) {
  if (!node.checkVisibility() || node.closest(skip)) continue;
  for (const part of node.childNodes) if (part.nodeType === 3 && part.data.trim()) seen.push(part.data.trim());
  for (const name of ["aria-label", "placeholder", "title", "alt"]) if (node.getAttribute(name)) seen.push(node.getAttribute(name));
}
return [...seen, document.title.replace("fsm_robot", "")];
"""
CUT = """
const cut = [];
if (document.documentElement.scrollWidth > innerWidth) cut.push("the page is wider than the screen");
for (const node of document.querySelectorAll("body *")) {
  if (!node.checkVisibility() || node.closest("svg, .scroll, .lines")) continue;
  const style = getComputedStyle(node), box = node.getBoundingClientRect();
  if (style.overflowX === "hidden" && node.scrollWidth > node.clientWidth + 1) cut.push(node.textContent.slice(0, 60));
  const says = [...node.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
  if (says && box.width && (box.right > innerWidth + 1 || box.left < -1)) cut.push("beside the screen: " + node.textContent.slice(0, 60));
}
return cut;
"""


class Look:
    """What is on the screen, at each width."""

    def __init__(self, browser: Any) -> None:
        self.browser, self.found = browser, list[tuple[str, int, object]]()

    def at(self, what: str) -> None:
        for width in WIDTHS:
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
            self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            english = [(words, text) for text in self.browser.execute_script(TEXTS) if (words := english_in(text))]
            cut = self.browser.execute_script(CUT)
            self.found += [(what, width, each) for each in (*english, *cut)]
            if folder := os.environ.get("FSM_SCREENSHOTS"):
                self.browser.save_screenshot(str(Path(folder) / f"ru.{what}.{width}.png"))


@pytest.fixture
def look(browser: Any) -> Iterator[Look]:
    looked = Look(browser)
    yield looked
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_orchestrators_page(tmp_path: Path, browser: Any, look: Look) -> None:
    """Every tab, both dialogs, and what the forms answer to a slip."""
    robot(tmp_path / "анна")
    runs = ServedRuns([str(tmp_path / "анна" / "state" / "journal")], 3, built_in())
    with Orchestrator(Store(tmp_path / "o.sqlite"), runs=runs, shows_data=True) as server:
        browser.get(server.url)
        until(lambda: browser.find_element("id", "no-jobs").is_displayed())
        look.at("пусто")
        store = server.store
        guids = [store.enqueue(f"отчёты/сводка {number}", name="за октябрь") for number in range(3)]
        store.order_abort(guids[0])
        with store.file.transaction():
            queue = store.queues.add("Счета")
            tasks = [store.tasks.add(queue, f"счёт {number}", '{"сумма": 5}', tags="срочно") for number in range(4)]
        for task, status in zip(tasks, (2, 3, 4, 5), strict=True):
            store.tasks.change(task, {"status": status})
        store.tasks.repeat(tasks[1])
        store.assets.add("Почта", type=2, text="текст")
        until(lambda: "за октябрь" in browser.find_element("id", "jobs").text)
        for tab in ("work", "queues", "logs", "assets", "files", "runs"):
            browser.find_element("id", f"tab-{tab}").click()
            if tab == "queues":
                until(lambda: "Счета" in browser.find_element("id", "queue-list").text)
                browser.find_element("css selector", "#queue-list button").click()
                until(lambda: "счёт" in browser.find_element("id", "tasks").text)
            look.at(tab)
        browser.find_element("id", "tab-queues").click()
        browser.find_element("css selector", "#tasks button").click()
        until(lambda: browser.find_element("id", "task-dialog").is_displayed())
        look.at("задача")
        browser.find_element("css selector", "#task-dialog .close").click()
        browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
        _send(browser, "add-task", queue="Счета", parameters="{")
        browser.find_element("id", "tab-work").click()
        _send(browser, "enqueue", script="сводка", task="[1]")
        look.at("ошибка формы")
        browser.find_element("css selector", "#jobs button").click()
        until(lambda: browser.find_element("id", "job-dialog").is_displayed())
        browser.find_element("css selector", "#job-dialog .danger").click()
        look.at("задание")
        browser.get(f"{server.url}/runs")
        until(lambda: browser.find_element("id", "where").text)
        look.at("проигрыватель")

    assert look.found == [], "\n".join(map(str, look.found))


def test_page_of_a_fleet(tmp_path: Path, browser: Any, look: Look) -> None:
    """Robots with every trouble, one of them looked into, and the run of a job."""
    failed = ["nothing_left", *done(7, "счета", "failed", 5), "no_job"]
    job = "5c1e0000-0000-4000-8000-000000000007"
    last = {"job": job, "script": "счета", "outcome": "failed", "ended_at": ago(199), "delivery": "delivered"}
    troubles = {"failing": {"счета": {"times": 5}}, "disk_free_mib": 3, "clock_off_s": 900, "refused_at": ago(3)}
    robot(tmp_path / "анна", failed, every_min=5, ran=200, status={"last_job": last, **troubles})
    robot(tmp_path / "борис", exit_code=None)
    robot(tmp_path / "вера", [], exit_code=None)
    robot(tmp_path / "глеб", every_min=60, status={"certificate_ends": ago(-60 * 24 * 3)})
    text = "".join(f"[[robots]]\nfolder = '{name}'\n" for name in ("анна", "борис", "вера", "глеб", "дарья"))
    (tmp_path / "fleet.toml").write_text(text, encoding="utf-8")
    with Dashboard(Board(tmp_path / "fleet.toml", partial(player_of, built_in()))) as page:
        browser.get(page.url)
        until(lambda: "дарья" in browser.find_element("id", "robots").text)
        look.at("роботы")
        browser.find_element("css selector", "[data-robot*='анна']").click()
        until(lambda: "счета" in browser.find_element("id", "jobs").text)
        look.at("робот")
        run = browser.find_element("css selector", "#jobs a").get_attribute("href")
        browser.get(run)
        until(lambda: browser.find_element("id", "where").text)
        look.at("запуск")

    found = [each for each in look.found if str(tmp_path) not in str(each)]
    assert found == [], "\n".join(map(str, found))


def _send(browser: Any, form: str, **fields: str) -> None:
    for name, text in fields.items():
        browser.find_element("css selector", f"#{form} [name={name}]").send_keys(text)
    browser.find_element("css selector", f"#{form} button").click()
    until(lambda: browser.find_element("css selector", f"#{form} .error").text)
