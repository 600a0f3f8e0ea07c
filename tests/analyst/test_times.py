"""What comes when a state has lasted for some time, in the words of each format."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import attrs
import pytest
from hypothesis import given, settings

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.bpmn.read_back import from_bpmn
from fsm_robot.analyst.formats.from_scxml import from_scxml
from fsm_robot.analyst.formats.markdown import markdown
from fsm_robot.analyst.formats.scxml import scxml
from fsm_robot.analyst.formats.xstate import xstate
from fsm_robot.analyst.words import words
from fsm_robot.analyst.xml_in import parse
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition, Timeout
from fsm_robot.errors import DefinitionError
from fsm_robot.robot.machine import built_in
from tests.analyst.random_machines import machines
from tests.analyst.readers import BPMN, SCXML

DEFAULTS = {"scripts.stop_grace_s": 60.0}


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def seconds_in(machine: Definition) -> list[float | None]:
    """Return every time of a machine in seconds, sorted; None for a setting that nobody knows."""
    found = [
        DEFAULTS.get(timeout.setting) if timeout.setting else timeout.seconds
        for state in machine.states
        for timeout in state.after
    ]
    return sorted(found, key=lambda seconds: -1.0 if seconds is None else seconds)


def durations(text: str) -> list[float | None]:
    timers = list(ET.fromstring(text.encode()).iter(f"{BPMN}timerEventDefinition"))
    lasts = [found.findtext(f"{BPMN}timeDuration") for found in timers]
    seconds = [None if text is None else float(text.removeprefix("PT").removesuffix("S")) for text in lasts]
    return sorted(seconds, key=lambda found: -1.0 if found is None else found)


@settings(max_examples=40, deadline=None)
@given(machines())
def test_every_time_is_in_every_format_that_has_time(machine: Definition) -> None:
    """Sent with a delay and cancelled on exit; an `after`; a timer on the border, in both profiles."""
    expected = seconds_in(machine)
    root = ET.fromstring(scxml(machine).encode())
    sent = [send.get("delay") for send in root.iter(f"{SCXML}send")]
    cancelled = {cancel.get("sendid") for cancel in root.iter(f"{SCXML}cancel")}

    assert sorted(-1.0 if d is None else float(d.removesuffix("s")) for d in sent) == [
        -1.0 if seconds is None else seconds for seconds in expected
    ]
    assert cancelled == {send.get("id") for send in root.iter(f"{SCXML}send")}
    assert len(cancelled) == len(sent)
    assert durations(drawn(exact_process(words(machine)))) == expected
    for node, state in zip(json.loads(xstate(machine))["states"].values(), machine.states, strict=True):
        delays = {
            timeout.setting
            if timeout.setting and timeout.setting not in DEFAULTS
            else f"{(DEFAULTS[timeout.setting] if timeout.setting else timeout.seconds) * 1000:.15g}"
            for timeout in state.after
        }
        assert set(node.get("after", {})) == delays
        assert {edge["meta"]["event"] for edges in node.get("after", {}).values() for edge in edges} == {
            timeout.event for timeout in state.after
        }


def test_grace_time_of_the_robot_stands_in_every_drawing() -> None:
    """The setting with its default: nobody has to look into the code for it."""
    machine = robot()

    assert "after scripts.stop_grace_s = 1m" in markdown(machine)
    assert '"after": {\n        "60000": [' in xstate(machine)
    assert '<send event="grace_ended" id="Stopping_after_1" delay="60s" fsm:setting="scripts.stop_grace_s"/>' in scxml(
        machine
    )
    process = analysts_process(words(machine))
    borders = {(item.host, item.name, item.trigger, item.lasts_s) for item in process.items if item.host}
    assert ("State_Stopping", "grace ended (after scripts.stop_grace_s = 1m)", "timer", 60.0) in borders
    assert "grace time over (after scripts.stop_grace_s = 1m)" in {
        item.name for item in analysts_process(words(machine, "en")).items
    }
    assert durations(drawn(process)) == [60.0]


def test_two_times_that_lead_the_same_way_are_two_timers() -> None:
    """They come at different moments, so they share no arrow, no id and no name."""
    machine = robot()
    states = tuple(
        attrs.evolve(state, after=(Timeout("grace_ended", 5.0), Timeout("interrupted_again", 9.0)))
        if state.name == "Stopping"
        else state
        for state in machine.states
    )

    assert durations(drawn(analysts_process(words(attrs.evolve(machine, states=states))))) == [5.0, 9.0]


@pytest.mark.parametrize(("written", "seconds"), [("90s", 90.0), ("250ms", 0.25), ("1.5s", 1.5), (".5s", 0.5)])
def test_delay_that_somebody_changed_in_scxml_is_read(written: str, seconds: float) -> None:
    """What the file says counts, in each form that SCXML has."""
    text = scxml(robot()).replace('delay="60s" fsm:setting="scripts.stop_grace_s"', f'delay="{written}"')

    assert from_scxml(parse(text.encode(), "m")).state("Stopping").after == (Timeout("grace_ended", seconds),)


@pytest.mark.parametrize(
    ("written", "seconds"), [("PT90S", 90.0), ("PT1M30S", 90.0), ("P1DT1H", 90000.0), ("PT0.25S", 0.25)]
)
def test_duration_that_somebody_changed_in_bpmn_is_read(written: str, seconds: float) -> None:
    """As ISO 8601 writes it."""
    text = drawn(exact_process(words(robot())))
    text = text.replace("PT60S", written).replace(' fsm:setting="scripts.stop_grace_s"', "")

    assert from_bpmn(parse(text.encode(), "m")).state("Stopping").after == (Timeout("grace_ended", seconds),)


@pytest.mark.parametrize("written", ["", "soon", "P1M", "PT", "PT0S", "R3/PT10S", "PT99999999999999S", "-PT5S"])
def test_duration_that_is_none_is_refused(written: str) -> None:
    """With a sentence and its place."""
    text = drawn(exact_process(words(robot())))
    text = text.replace("PT60S", written).replace(' fsm:setting="scripts.stop_grace_s"', "")

    with pytest.raises(DefinitionError, match=r"m:\d+:\d+: boundaryEvent .*: must have a time"):
        from_bpmn(parse(text.encode(), "m"))


def test_other_event_on_a_border_is_refused() -> None:
    """It is not clear what the machine should do then."""
    text = re.sub("timerEventDefinition", "signalEventDefinition", drawn(exact_process(words(robot()))))

    with pytest.raises(DefinitionError, match="is not a timer"):
        from_bpmn(parse(text.encode(), "m"))
