"""The site of docs/ in Chromium without a network, from a folder and from a server: every page opens, search finds, nothing is fetched elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.peers import peers

PEER = "mkdocs-material"
ROOT = Path(__file__).parents[2]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,900", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
HARMLESS = ("data:", "blob:", "about:", "chrome:")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make site` does; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    if not (peers.PEERS / "site" / ".installed").exists():
        peers.missing("the environment .peers/site")
    python = peers.PEERS / "site" / peers.BIN / "python"
    done = subprocess.run(
        [str(python), "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium that can reach no other host, and tells what it asks for."""
    chromium, chromedriver = peers.program("chromium"), peers.program("chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()


def asked(browser: Any) -> Iterator[tuple[str, str]]:
    """Yield what happened to requests of pages since the last look: (`sent` or `failed`, the address)."""
    sent: dict[str, str] = {}
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        told = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            sent[told["requestId"]] = told["request"]["url"]
            yield "sent", told["request"]["url"]
        elif message["method"] == "Network.loadingFailed" and told["requestId"] in sent:
            # What was never sent by a page is the browser's own.
            yield "failed", f"{sent[told['requestId']]}: {told['errorText']}"


def complaints(browser: Any, address: str) -> list[str]:
    """What a reader without a network would miss: all that is asked of others than this address."""
    own = (address, *HARMLESS)
    wrong = [url for what, url in asked(browser) if what == "failed" or not url.startswith(own)]
    return wrong + [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


class Silent(SimpleHTTPRequestHandler):
    """Serves files, and writes no line for each."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["folder", "server"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """The site as files of a folder, then at a port of this machine: the browser runs the search in another way in each."""
    if request.param == "folder":
        yield site.as_uri()
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def opened(browser: Any, page: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get(page)
    WebDriverWait(browser, 60).until(lambda one: one.execute_script("return document.readyState") == "complete")


def test_every_page_opens_and_asks_nobody_else(site: Path, browser: Any) -> None:
    """No font, script or picture comes from elsewhere, and none is missing."""
    pages = sorted(page for page in site.rglob("*.html") if page.name != "404.html")
    assert len(pages) > 30

    wrong = {}
    for page in pages:
        opened(browser, page.as_uri())
        assert browser.execute_script("return document.querySelector('article h1') !== null"), page
        broken = browser.execute_script(
            "return [...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
        )
        text = browser.execute_script("return document.querySelector('article').innerText")
        assert not any(mark in text for mark in ("```", "<!--", "](")), f"{page}: something was not read as Markdown"
        if found := complaints(browser, site.as_uri()) + broken:
            wrong[page.name] = found

    assert wrong == {}


def test_the_check_notices_a_script_of_others(site: Path, browser: Any) -> None:
    """A page that asks a stranger is named, so the test above can fail."""
    page = site / "stranger.html"
    page.write_text("<script src='https://example.org/a.js'></script>", encoding="utf-8")
    opened(browser, page.as_uri())
    page.unlink()

    assert "https://example.org/a.js" in complaints(browser, site.as_uri())


@pytest.mark.parametrize(("words", "wanted"), [("stop_grace_s", "configuration.html"), ("отчёты", ".html")])
def test_search_finds_without_a_network(address: str, browser: Any, words: str, wanted: str) -> None:
    """A reader types into the field, and a result leads to the page that has the words."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    opened(browser, f"{address}/index.html")
    field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    WebDriverWait(browser, 60).until(lambda _: field.is_displayed() and field.is_enabled())
    field.click()
    field.send_keys(words)
    links = "return [...document.querySelectorAll('a.md-search-result__link')].map(one => one.href)"

    found = WebDriverWait(browser, 60).until(lambda one: one.execute_script(links))

    assert any(wanted in link for link in found), found
    assert [link for link in found if not link.startswith(f"{address}/")] == []
    opened(browser, found[0])
    assert words in browser.find_element(By.TAG_NAME, "article").text
    assert complaints(browser, address) == []


def test_search_finds_no_word_that_no_page_has(address: str, browser: Any) -> None:
    """So that a list of results in the test above is one of the words that were typed."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    opened(browser, f"{address}/index.html")
    field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    field.click()
    field.send_keys("qwzxvkjh")
    told = ".md-search-result__meta"

    WebDriverWait(browser, 60).until(lambda one: one.find_element(By.CSS_SELECTOR, told).text.startswith("No matching"))

    assert browser.find_elements(By.CSS_SELECTOR, "a.md-search-result__link") == []
