"""Writes docs/pictures: `make gallery`. The nights behind the figures never were; see `tests/fakes/night.py`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fsm_robot.analyst import browser
from fsm_robot.cli import main
from fsm_robot.cli.served_runs import ServedRuns
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.machine import built_in
from tests.fakes.night import write_nights

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
WINDOW = "1360,850"


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def changed(text: str) -> str:
    """Return a machine file with a little of everything changed."""
    claimed = "  - {trigger: claim_failed, source: Claiming, dest: Reporting}\n"
    text = text.replace(
        claimed,
        "  - {trigger: claim_failed, source: Claiming, dest: Pausing}\n"
        "  - {trigger: paused, source: Pausing, dest: Reporting}\n",
    )
    text = text.replace("\ntransitions:", "  - {name: Pausing, on_enter: pause_a_while}\n\ntransitions:")
    text = text.replace("\ncallbacks:", "\ncallbacks:\n  pause_a_while: {does: waits a little, answers: [paused]}")
    text = text.replace(
        "{trigger: report_refused, source: Reporting, dest: Ready}",
        "{trigger: report_refused, source: Reporting, dest: Faulted, exit_code: 4}",
    )
    return text.replace("source: Consuming, dest: Ready, at_most: 3", "source: Consuming, dest: Ready, at_most: 5")


def drawn(name: str, *arguments: str) -> None:
    if main(["diagram", *arguments, "-o", str(PICTURES / name)]):
        sys.exit(1)


def photographed(page: Path, name: str, *, dark: bool = False) -> None:
    """Take a picture of a page as a window shows it."""
    flags = [*browser.FLAGS, "--no-sandbox", f"--window-size={WINDOW}", "--virtual-time-budget=3000"]
    flags += ["--blink-settings=preferredColorScheme=0"] if dark else []
    shot = f"--screenshot={PICTURES / name}"
    subprocess.run(
        [browser.find_browser(), *flags, shot, f"{page.as_uri()}#run=1&step=7"], check=True, capture_output=True
    )


TABS = ("work", "queues", "logs", "assets", "files", "runs")


def orchestrators_page(folder: Path) -> None:
    """Take a picture of each tab of the orchestrator's page, as the second demo leaves it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.wait import WebDriverWait

    if main(["demo", "--queue", "--folder", str(folder)]):
        sys.exit(1)
    states = [str(folder / name / "state") for name in ("robot-1", "robot-2")]
    store = Store(folder / "orchestrator.sqlite")
    options = webdriver.ChromeOptions()
    options.binary_location = str(browser.find_browser())
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={WINDOW}"):
        options.add_argument(flag)
    with Orchestrator(store, runs=ServedRuns(states, 100, built_in())) as server:
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            for tab in TABS:
                driver.get("about:blank")  # else only the end of the address changes
                driver.get(f"{server.url}/#/{tab}")
                shown = f"return document.querySelector('#{tab} tbody tr, #{tab} a') !== null"
                WebDriverWait(driver, 20).until(lambda one, shown=shown: one.execute_script(shown))  # type: ignore[misc]
                driver.save_screenshot(str(PICTURES / f"orchestrator.tab.{tab}.png"))
        finally:
            driver.quit()
    store.close()


def write_all() -> None:
    PICTURES.mkdir(exist_ok=True)
    drawn("states.svg", "--format", "svg", "--lang", "en")
    drawn("states.ru.svg", "--format", "svg", "--lang", "ru")
    drawn("states.names.svg", "--format", "svg")
    with tempfile.TemporaryDirectory() as name:
        orchestrators_page(Path(name) / "demo")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_nights(folder / "journal", robot(), runs=8)
        drawn("heat.svg", "--format", "svg", "--lang", "en", "--runs", str(folder))
        new = folder / "new.yaml"
        new.write_text(changed(built_in().read_text(encoding="utf-8")), encoding="utf-8")
        drawn("diff.svg", "--format", "svg", "--diff", str(built_in()), str(new))
        page = folder / "player.html"
        for language, picture, dark in (("en", "player.png", False), ("ru", "player.ru.dark.png", True)):
            main(["diagram", "--format", "html", "--lang", language, "--runs", str(folder), "-o", str(page)])
            photographed(page, picture, dark=dark)


if __name__ == "__main__":
    write_all()
