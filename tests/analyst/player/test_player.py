from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.analyst.player.assets import assets
from fsm_robot.analyst.player.history import Run
from fsm_robot.analyst.player.page import page
from fsm_robot.analyst.words import Words
from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_journal
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.machine import built_in
from tests.analyst.machines import hostile
from tests.fakes.night import Night, jobs, write_nights, write_run

EVIL = "</script><img src=x onerror=\"document.title='owned'\"><b>&amp;\u2028"


def robot() -> Definition:
    return machine_file.load(built_in(), None, ())


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    write_nights(tmp_path / "journal", robot())
    return tmp_path / "journal"


@pytest.fixture
def opened(browser: Any, tmp_path: Path, nights: Path) -> Any:
    """The player with four nights, in English, in a browser that has just opened it."""
    path = tmp_path / "player.html"
    assert main(["diagram", "--format", "html", "--lang", "en", "--runs", str(nights), "-o", str(path)]) == 0
    return _open(browser, path)


def _open(browser: Any, path: Path) -> Any:
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(path.as_uri())
    return browser


@pytest.fixture(autouse=True)
def no_requests_and_no_complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test does, the page fetches nothing but itself and breaks no policy."""
    yield
    if "browser" not in request.fixturenames:
        return
    browser = request.getfixturevalue("browser")
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    fetched = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in fetched if not url.startswith(("file:", "data:,"))] == []
    assert len([url for url in fetched if url.startswith("file:")]) <= 1


def press(browser: Any, key: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.find_element("tag name", "body").send_keys(getattr(Keys, key, key))


def text(browser: Any, identity: str) -> str:
    return str(browser.find_element("id", identity).text)


def lit(browser: Any, what: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.id)"
    return list(browser.execute_script(script, f".{what}.lit"))


def until(browser: Any, met: Callable[[Any], Any]) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30, poll_frequency=0.05).until(met)


def test_keys_walk_through_the_run_with_state_and_transition_lit(opened: Any) -> None:
    """Right, left, end and home; the drawing and the story always speak of the same step."""
    assert lit(opened, "state") == ["state-Recovering"]
    assert "step 1 of" in text(opened, "where")

    press(opened, "ARROW_RIGHT")

    assert lit(opened, "state") == ["state-Ready"]
    assert lit(opened, "edge") == ["edge-1"]
    assert len(lit(opened, "route")) == 1
    assert text(opened, "event") == "nothing was left open"
    assert "Answer of settle_last_run, after" in text(opened, "answer")
    assert text(opened, "move") == "Looking back → Ready for work"
    press(opened, "END")
    assert lit(opened, "state") == ["state-Finished"]
    assert "exit code\n0" in text(opened, "facts")
    press(opened, "ARROW_LEFT")
    assert lit(opened, "state") == ["state-Ready"]
    press(opened, "HOME")
    assert lit(opened, "state") == ["state-Recovering"]
    assert lit(opened, "edge") == []


def test_buttons_slider_and_clicks_do_the_same(opened: Any) -> None:
    """Everything that a key does, a pointer can do too."""
    opened.find_element("id", "next").click()
    assert lit(opened, "state") == ["state-Ready"]
    opened.find_element("id", "last").click()
    assert lit(opened, "state") == ["state-Finished"]
    opened.find_element("id", "first").click()
    opened.execute_script(
        "const s = document.getElementById('slider'); s.value = '3'; s.dispatchEvent(new Event('input'));"
    )
    assert "step 4 of" in text(opened, "where")
    opened.execute_script(
        "document.getElementById('state-Working').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert lit(opened, "state") == ["state-Working"]
    opened.find_element("css selector", "#near [aria-current] + *, #near li:last-child button").click()
    assert lit(opened, "state") != []


def test_play_goes_on_by_itself_and_stops_at_the_end(opened: Any) -> None:
    """The blank starts and stops; the last step is the end of it."""
    opened.find_element("css selector", "#speed option:last-child").click()
    opened.execute_script("document.activeElement.blur()")
    press(opened, " ")
    assert opened.find_element("id", "story").get_attribute("aria-live") == "off"

    until(opened, lambda b: lit(b, "state") == ["state-Finished"])

    until(opened, lambda b: b.find_element("id", "story").get_attribute("aria-live") == "polite")
    assert opened.find_element("id", "play").get_attribute("aria-label") == "play"


def test_filters_leave_the_steps_of_a_job_or_an_outcome(opened: Any, nights: Path) -> None:
    """One job, one outcome, another run; the counts are those of the journal."""
    from selenium.webdriver.support.ui import Select

    Select(opened.find_element("id", "outcome")).select_by_value("failed")

    assert lit(opened, "state") == ["state-Claiming"]
    shown = int(text(opened, "where").rpartition(" ")[2])
    Select(opened.find_element("id", "outcome")).select_by_value("")
    everything = int(text(opened, "where").rpartition(" ")[2])
    assert 0 < shown < everything
    records = read_journal(sorted(nights.iterdir())[0])[0]
    assert everything == sum(record.kind == "step" for record in records)
    Select(opened.find_element("id", "job")).select_by_index(2)
    assert "step 1 of" in text(opened, "where")
    press(opened, "END")
    assert text(opened, "event") == "result delivered"
    Select(opened.find_element("id", "run")).select_by_index(3)
    records = read_journal(sorted(nights.iterdir())[3])[0]
    assert int(text(opened, "where").rpartition(" ")[2]) == sum(record.kind == "step" for record in records)


def test_the_page_serves_keyboards_and_readers(opened: Any) -> None:
    """Every control has a name, everything can be reached, the story is spoken."""
    nameless = opened.execute_script(
        """return [...document.querySelectorAll('button, select, input, [role=region], aside')].filter((e) =>
            !e.getAttribute('aria-label') && !e.labels?.length && !e.textContent.trim()).map((e) => e.outerHTML)"""
    )

    assert nameless == []
    assert opened.find_element("id", "story").get_attribute("aria-live") == "polite"
    assert opened.find_element("css selector", "[aria-current=step]").text.endswith("Looking back")
    assert "Looking back" not in opened.find_element("id", "slider").get_attribute("aria-valuetext")
    assert opened.find_element("tag name", "html").get_attribute("lang") == "en"


def test_nothing_moves_where_less_motion_is_asked_for(opened: Any) -> None:
    """`prefers-reduced-motion` ends the only transition that there is."""
    script = "return getComputedStyle(document.querySelector('.state .box')).transitionDuration"
    assert "0.15s" in opened.execute_script(script)
    media = [{"name": "prefers-reduced-motion", "value": "reduce"}]

    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    assert opened.execute_script(script) == "0s"
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_dark_is_dark_and_paper_is_light_and_has_every_step(opened: Any) -> None:
    """The colours follow the system; print shows the list and no controls."""
    ground = "return getComputedStyle(document.querySelector('svg .ground')).fill"
    media = [{"name": "prefers-color-scheme", "value": "dark"}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    assert opened.execute_script(ground) == "rgb(15, 20, 27)"

    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": media})
    opened.execute_script("dispatchEvent(new Event('beforeprint'))")

    assert opened.execute_script(ground) == "rgb(255, 255, 255)"
    rows = opened.execute_script("return document.querySelectorAll('#printed tr').length")
    assert f"of {rows}" in opened.execute_script("return document.getElementById('where').textContent")
    assert not opened.find_element("tag name", "footer").is_displayed()
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_every_screen_has_the_whole_player(width: int, scheme: str, opened: Any, tmp_path: Path) -> None:
    """From the smallest phone on: nothing sideways, a slider that a thumb can hold, runs told apart, colours that show."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 768}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    try:
        found = opened.execute_script(
            """const wide = [...document.querySelectorAll('header *, footer *, aside *')].filter((e) =>
                 e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.id || e.tagName);
               const box = (id) => document.getElementById(id).getBoundingClientRect();
               const sheer = (e) => getComputedStyle(e);
               return {page: document.documentElement.scrollWidth, view: innerWidth, wide, slider: box('slider').width,
                 play: Math.min(box('play').width, box('play').height), run: box('run').width, map: box('map').width,
                 ink: sheer(document.body).color, ground: sheer(document.body).backgroundColor,
                 runs: [...document.getElementById('run').options].map((o) => o.text)};"""
        )
        shot = tmp_path / f"player.{width}.{scheme}.png"
        opened.save_screenshot(str(shot))
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert (found["view"], found["page"] <= width, found["wide"]) == (width, True, [])
    assert found["slider"] >= 240
    assert found["play"] >= (44 if width <= 768 else 24)
    assert found["run"] >= 200
    light = [sum(map(int, re.findall(r"\d+", found[what])[:3])) > 380 for what in ("ink", "ground")]
    assert light == ([False, True] if scheme == "light" else [True, False])
    assert len(set(found["runs"])) == len(found["runs"])
    assert all(
        re.search(r"^\S+ \d\d:\d\d:\d\d · (exit \d+|…) · (no job|jobs: \d+ \(\d+ \w+)", run) for run in found["runs"]
    )
    assert shot.stat().st_size > 5000


def test_pointing_at_a_state_lights_its_ways(browser: Any, tmp_path: Path) -> None:
    """Those that lead there and those that leave; what it has nothing to do with fades; all is as before afterwards."""
    path = tmp_path / "alone.html"
    path.write_text(page(Words(robot()), [], assets()), encoding="utf-8")
    _open(browser, path)
    script = """const event = new PointerEvent(arguments[0], {bubbles: true});
        document.getElementById('state-Claiming').querySelector('.box').dispatchEvent(event);
        return [...document.querySelectorAll('.route.near')].map((e) => [e.dataset.source, e.dataset.dest])"""

    near = browser.execute_script(script, "pointerover")

    ways = {
        (e.source, e.dest) for e in robot().transitions if e.kind == "external" and "Claiming" in (e.source, e.dest)
    }
    assert {tuple(way) for way in near} == ways
    opacity = "return getComputedStyle(document.querySelector('.route:not(.near) > .line')).opacity"
    assert float(browser.execute_script(opacity)) < 0.5
    assert browser.execute_script(script, "pointerout") == []
    assert float(browser.execute_script(opacity)) == 1


def test_what_changes_no_state_is_told_as_such(browser: Any, tmp_path: Path) -> None:
    """Stayed, ignored and too late: each in its own words, the state stays lit."""
    night = Night(random.Random(3))
    job = {"job": "g", "script": "s", "run_token": ""}
    events = [Event("nothing_left"), Event("job_found"), Event("job_consumed", job, 1), Event("job_claimed")]
    events += [Event("robot_forgotten", {}, 1), Event("grace_ended", {}, 1)]
    run = write_run(tmp_path, robot(), events, night, end=False)
    records = list(read_journal(run)[0])
    last = records[-1]
    late = {**last.values, "seq": last.values["seq"] + 1, "kind": "late", "event": {"name": "script_ended"}}
    records.append(attrs.evolve(last, values=late))
    path = tmp_path / "stays.html"
    path.write_text(page(Words(robot()), [Run("stays", records)], assets()), encoding="utf-8")

    _open(browser, path)
    press(browser, "END")
    told = []
    for _ in range(3):
        assert lit(browser, "state") == ["state-Working"]
        told.append((text(browser, "move"), len(lit(browser, "edge"))))
        press(browser, "ARROW_LEFT")

    assert told == [
        ("Working: came too late, it speaks of an earlier job", 0),
        ("Working: means nothing here", 0),
        ("Working: stays there, nothing is called again", 1),
    ]


def test_a_link_leads_to_a_step(browser: Any, tmp_path: Path, nights: Path) -> None:
    """And one that makes no sense leads to the first."""
    path = tmp_path / "player.html"
    assert main(["diagram", "--format", "html", "--runs", str(nights), "-o", str(path)]) == 0
    shown = []
    for fragment in ("run=2&step=4", "run=99&step=x"):
        browser.get("about:blank")
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        browser.get(f"{path.as_uri()}#{fragment}")
        shown.append(
            (browser.execute_script("return document.getElementById('run').selectedIndex"), text(browser, "where"))
        )

    assert [(run, where.partition(" of ")[0]) for run, where in shown] == [(1, "step 4"), (3, "step 1")]


def test_hostile_text_never_becomes_markup(browser: Any, tmp_path: Path) -> None:
    """Names of states and values of journals are shown letter by letter, whatever they are."""
    night = Night(random.Random(1))
    job = {"job": EVIL, "script": EVIL, "run_token": "", EVIL: EVIL}
    events = [
        Event("nothing_left"),
        Event("job_found"),
        Event("job_consumed", job, 1),
        Event("claim_failed", {"error": EVIL, "outcome": EVIL}),
    ]
    run = write_run(tmp_path, robot(), events, night, end=False)
    path = tmp_path / "evil.html"
    path.write_text(page(Words(robot()), [Run(EVIL, *read_journal(run))], assets()), encoding="utf-8")

    _open(browser, path)
    press(browser, "END")

    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    assert browser.title == "robot"
    assert EVIL.replace("\u2028", "") in text(browser, "facts").replace("\u2028", "").replace("\n", "")
    assert "without an end record" in text(browser, "problem")


def test_a_machine_with_hostile_names_is_drawn_and_lit(browser: Any, tmp_path: Path) -> None:
    """Ids are safe, so every state can be found again."""
    definition = hostile()
    path = tmp_path / "hostile.html"
    path.write_text(page(Words(definition), [], assets()), encoding="utf-8")

    _open(browser, path)

    script = "return [...document.querySelectorAll('.state')].map(e => e.dataset.state)"
    assert browser.execute_script(script) == [state.name for state in definition.states]


def test_a_damaged_journal_is_shown_as_far_as_it_goes(browser: Any, tmp_path: Path, nights: Path) -> None:
    """The last step says why there is no more."""
    journal = sorted(nights.iterdir())[0]
    journal.write_bytes(journal.read_bytes()[:-300])
    path = tmp_path / "torn.html"
    assert main(["diagram", "--format", "html", "--runs", str(journal), "-o", str(path)]) == 0

    _open(browser, path)
    press(browser, "END")

    assert re.search(r"cannot be read any further: line \d+ is torn", text(browser, "problem"))


@pytest.mark.long
def test_ten_thousand_steps_open_and_run(browser: Any, tmp_path: Path) -> None:
    """A long night is usable; docs/diagrams.md holds the figures, this is an order of magnitude below them."""
    night = Night(random.Random(2))
    run = write_run(tmp_path, robot(), jobs(night, ["succeeded"] * 2000), night)
    path = tmp_path / "long.html"
    path.write_text(page(Words(robot()), [Run("long", *read_journal(run))], assets()), encoding="utf-8")

    _open(browser, path)
    press(browser, "END")

    assert "step 10003 of 10003" in text(browser, "where")
    step_ms = browser.execute_script(
        """const t = performance.now();
        for (let n = 0; n < 100; n += 1) {
          document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}));
          document.body.offsetHeight;
        }
        return (performance.now() - t) / 100;"""
    )
    assert step_ms < 250


def test_the_page_is_small_closed_and_complete() -> None:
    """Under 500 KiB without data; one script and one style sheet, both by hash; nothing from elsewhere."""
    made = page(Words(robot(), "ru"), [], assets())

    assert len(made.encode()) < 500 << 10
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    assert not re.search(r"\son[a-z]+=", made.partition("<body")[2].partition('<script type="application/json"')[0])
    without_script = re.sub(r"<script>.*?</script>", "", made, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=\S+", without_script) == ['href="data:,">']
    assert "url(" not in without_script


def test_the_page_of_a_comparison_shows_both_machines_without_a_script(
    browser: Any, tmp_path: Path, nights: Path
) -> None:
    """Marks on the drawing, a table, and what the recorded runs would do."""
    old = built_in()
    new = tmp_path / "new.yaml"
    changed = old.read_text(encoding="utf-8").replace(
        "dest: Finished, exit_code: 0}\n", "dest: Finished, exit_code: 5}\n", 1
    )
    new.write_text(changed, encoding="utf-8")
    path = tmp_path / "diff.html"
    call = ["diagram", "--diff", str(old), str(new), "--format", "html", "--lang", "ru", "--runs", str(nights)]
    assert main([*call, "-o", str(path)]) == 0

    _open(browser, path)

    assert browser.find_element("css selector", ".edge.changed").get_attribute("data-event") == "no_job"
    words = browser.find_element("tag name", "main").text
    assert "изменено переход Ready: no_job: exit_code 0 5" in words
    assert "goes to Finished, calls leave_session, the run ends with exit code 5" in words
    assert browser.execute_script("return document.scripts.length") == 0
