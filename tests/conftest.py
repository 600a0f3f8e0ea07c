from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.fakes import needed, postgres
from tests.fakes.needed import IN_CI

pytest_plugins = ["fsm_robot.testing.plugin"]
failed_once: list[pytest.TestReport] = []

# Developers search at random; where a commit is judged, the same commit is judged alike. A busy machine is no failure.
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable" if IN_CI else "search")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let a test fail twice before a commit is refused; at a developer's desk once is enough."""
    if IN_CI:
        config.option.reruns = 1


def pytest_collection_finish() -> None:
    """Keep thousands of collected tests out of every later collection of garbage, and of every search for objects."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test that runs once more has said the first time."""
    if str(report.outcome) == "rerun":  # a word of the plugin that runs it once more
        failed_once.append(report)


@pytest.fixture(autouse=True)
def no_robot_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees neither the developer's own robot nor their proxies."""
    for name in list(os.environ):
        if name.startswith("FSM_ROBOT_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL for all tests of this process; each gets a schema of its own."""
    postgres.programs()
    with postgres.running() as running:
        yield running


@pytest.fixture
def robot_folder(tmp_path: Path) -> Iterator[object]:
    """A robot's folder with a real orchestrator that serves it."""
    from fsm_robot.orchestrator.server import Orchestrator
    from fsm_robot.orchestrator.store import Store
    from tests.fakes.robot_folder import RobotFolder

    store = Store(tmp_path / "orchestrator.sqlite")
    (tmp_path / "scripts").mkdir()
    with Orchestrator(store) as server:
        folder = RobotFolder(tmp_path, store, server)
        folder.settings()
        yield folder
        folder.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium that tells what it fetched and what it had to complain of."""
    # First: without them selenium may be missing, too.
    chromium, chromedriver = needed.program("chromium"), needed.program("chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = ["headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking"]
    for flag in [*flags, "disable-dev-shm-usage", "window-size=1500,950", "lang=en"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end who failed once, how much of states.yaml the recorded journals take, and what of the pages is not run."""
    for report in failed_once:
        terminalreporter.section(f"failed the first time: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
    from fsm_robot.engine.journal.file import read_file
    from fsm_robot.engine.journal.taken import taken_in
    from tests.fakes.world import definition_of_the_robot
    from tests.journals.possible import possible_pairs

    definition = definition_of_the_robot()
    files = sorted((Path(__file__).parent / "journals").glob("*.jsonl"))
    taken = taken_in(read_file(file).records for file in files)
    edges, pairs = {edge.key for edge in definition.transitions}, possible_pairs(definition)
    terminalreporter.write_line(
        f"recorded journals: {len(files)}; transitions {len(edges & set(taken.transitions))}/{len(edges)},"
        f" pairs {len(pairs & set(taken.pairs))}/{len(pairs)}"
    )
    from tests.docs.pages import not_run

    terminalreporter.write_line(f"blocks of README and docs that no test runs, each with its reason: {len(not_run())}")
