"""The page of a fleet, in a real browser; and what its server lets nobody have."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fsm_robot.cli.dashboard import player_of
from fsm_robot.fleet.dashboard import Board, Dashboard
from fsm_robot.robot.machine import built_in
from tests.fakes.journals import done
from tests.fakes.waiting import until
from tests.fleet.folders import ago, robot
from tests.orchestrator.test_page import CONTRASTS, rows

JOB = "5c1e0000-0000-4000-8000-000000000007"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8ff9f010005fe02fe0def46b80000000049454e44ae426082"
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Dashboard]:
    """Three robots: one well, one late whose last job failed, one whose name is hostile."""
    robot(tmp_path / "анна", every_min=60, status={"disk_free_mib": 90_000, "certificate_ends": ago(-60 * 24 * 100)})
    failed = ["nothing_left", *done(7, "счета", "failed", 5), "no_job"]
    last = {"job": JOB, "script": "счета", "outcome": "failed", "ended_at": ago(199), "delivery": "delivered"}
    vera = robot(tmp_path / "vera", failed, every_min=5, ran=200, status={"last_job": last})
    folder = vera / "state" / "jobs" / JOB
    (folder / "screenshots").mkdir(parents=True)
    (folder / "output.log").write_bytes("первая строка\n".encode())
    (folder / "screenshots" / "one.png").write_bytes(PNG)
    (vera / "state" / "robot.log").write_text("2026-11-23T10:00:00.000Z WARNING 1 счета\n", encoding="utf-8")
    hostile = "<img src=x onerror=document.title='bad'>"
    robot(tmp_path / "boris", status={"failing": {hostile: {"times": 5}}})
    text = "".join(f"[[robots]]\nfolder = '{name}'\n" for name in ("анна", "boris", "vera"))
    (tmp_path / "fleet.toml").write_text(f"[fleet]\nwait_s = 120\n{text}", encoding="utf-8")
    board = Board(tmp_path / "fleet.toml", partial(player_of, built_in()))
    with Dashboard(board) as found:
        yield found


def asked(page: Dashboard, path: str, host: str = "", method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(page.url + path, method=method, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_page_names_who_is_late_and_leads_to_job_output_run_and_picture(page: Dashboard, browser: Any) -> None:
    """Problems first; a click, or the keyboard alone, leads on; what grows is followed; hostile names stay text."""
    browser.set_window_size(1500, 950)
    browser.get(page.url)
    until(lambda: "3 robots, 0 working, 2 with a problem" in browser.find_element("id", "summary").text)
    shown = rows(browser, "robots")
    assert [row.split("\t")[0] for row in shown] == ["boris", "vera", "анна"]
    assert "<img src=x" in shown[0]
    assert "did not" in shown[1]
    assert "счета" in shown[1]
    assert "failed" in shown[1]
    assert browser.title == "(2) fsm_robot: fleet"
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")

    from selenium.webdriver.common.keys import Keys

    browser.find_element("tag name", "body").send_keys("/")
    browser.switch_to.active_element.send_keys("vera")
    until(lambda: len(rows(browser, "robots")) == 1)
    browser.find_element("css selector", "[data-robot]").send_keys(Keys.ENTER)
    until(lambda: len(rows(browser, "jobs")) == 1)
    assert "every 5 min" in browser.find_element("id", "robot-facts").text
    browser.find_element("css selector", "#log summary").click()
    until(lambda: "WARNING" in browser.find_element("id", "log-text").text)
    run = browser.find_element("css selector", "#jobs a").get_attribute("href")
    output = page.board.path.parent / "vera" / "state" / "jobs" / JOB / "output.log"
    browser.find_element("css selector", "[data-job]").send_keys(Keys.ENTER)
    until(lambda: "первая строка" in browser.find_element("id", "output-text").text)
    with output.open("ab") as stream:
        stream.write("и вторая\n".encode())
    until(lambda: "и вторая" in browser.find_element("id", "output-text").text)
    until(lambda: browser.execute_script("return document.querySelector('#pictures img').naturalWidth === 1"))
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: not browser.find_element("id", "output").is_displayed())

    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    browser.get(run)
    until(lambda: "счета" in browser.find_element("tag name", "body").text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone_and_can_be_read_in_both_colours(page: Dashboard, browser: Any, scheme: str) -> None:
    """A card a robot, nothing beside the screen, no text too near to its ground."""
    how = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", how)
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.get(page.url)
        until(lambda: len(rows(browser, "robots")) == 3)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        assert browser.execute_script(CONTRASTS) == []
        browser.find_element("css selector", "[data-robot]").click()
        until(lambda: browser.find_element("id", "robot").is_displayed())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        assert browser.execute_script(CONTRASTS) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_page_is_for_this_machine_and_for_the_fleet_only(page: Dashboard) -> None:
    """No other name, no verb that acts, no folder that the fleet does not list, no file but a picture of the job."""
    status, data, headers = asked(page, "fleet.json")
    assert status == 200
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    told = json.loads(data)
    assert [each["name"] for each in told["robots"]] == ["анна", "boris", "vera"]
    assert asked(page, "fleet.json", host="evil.example")[0] == 421
    assert asked(page, "fleet.json", method="POST")[0] == 405
    vera = quote(f"|{told['robots'][2]['folder']}", safe="")
    assert asked(page, f"jobs.json?robot={vera}")[0] == 200
    for path in (
        f"jobs.json?robot={quote('|' + str(page.board.path.parent), safe='')}",
        f"picture?robot={vera}&job={JOB}&name=..%2Foutput.log",
        f"picture?robot={vera}&job=..%2F..&name=one.png",
        f"output.json?robot={vera}&job=..%2Frobot",
        f"run?robot={vera}&run=..%2F..%2Frobot",
        f"run?robot={vera}&run=",
        "../robot.toml",
        "jobs.json",
    ):
        status, data, _ = asked(page, path)
        assert status == 404, path
        assert json.loads(data)["error"]


def test_file_that_is_broken_while_the_page_is_open_is_said_on_it(page: Dashboard) -> None:
    """And mended it goes on."""
    assert len(json.loads(asked(page, "fleet.json")[1])["robots"]) == 3
    good = page.board.path.read_text(encoding="utf-8")
    page.board.path.write_text("[[robots]", encoding="utf-8")
    until(lambda: "not valid TOML" in asked(page, "fleet.json")[1].decode())
    page.board.path.write_text(good, encoding="utf-8")
    until(lambda: len(json.loads(asked(page, "fleet.json")[1])["robots"]) == 3)
