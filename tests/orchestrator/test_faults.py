from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.orchestrator.faults import ENDPOINTS, KINDS, Fault, FaultError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("beat:drop-before", Fault("beat:drop-before", "beat", "drop-before", times=1)),
        ("heartbeat:status:503*3", Fault("heartbeat:status:503*3", "heartbeat", "status", 503, times=3)),
        ("all:status:503/7~30", Fault("all:status:503/7~30", "all", "status", 503, 7, None, 30.0)),
        ("report:delay:2.5@0.3", Fault("report:delay:2.5@0.3", "report", "delay", 2.5, times=None, probability=0.3)),
        ("consume:code:101", Fault("consume:code:101", "consume", "code", 101)),
        (" claim:html ", Fault("claim:html", "claim", "html")),
    ],
)
def test_text_orders_a_fault(text: str, fault: Fault) -> None:
    """Once without a number, without end with a time or a probability alone."""
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not of the form"),
        ("beat", "is not of the form"),
        ("beet:html", "did you mean 'beat'"),
        ("beat:htlm", "did you mean 'html'"),
        ("beat:status", "needs a number"),
        ("beat:status:1.2.3", "needs a number"),
        ("beat:status:200", "from 300 to 599"),
        ("beat:html:3", "takes no value"),
        ("beat:delay:2~1.2.3", "numbers such as"),
        ("beat:delay:86401", "at most 86400 s"),
        ("beat:html*0", "at least once"),
        ("beat:html@0", "probability above 0"),
        ("beat:html@1.5", "up to 1"),
        ("beat:duplicate", "for consume only"),
        ("report:code:5", "for heartbeat, announce, beat, consume only"),
        ("all:code:5", "for heartbeat, announce, beat, consume only"),
    ],
)
def test_text_that_orders_nothing_is_told(text: str, says: str) -> None:
    """One sentence that shows the way."""
    with pytest.raises(FaultError, match=says):
        Fault.parse(text)


@given(
    st.text(max_size=30)
    | st.from_regex(r"(all|beat):(delay|status|code)(:[0-9./]{0,6})?(\*[0-9]{1,3})?(~[0-9.]{1,4})?(@[0-9.]{0,4})?")
)
def test_any_text_is_a_fault_or_refused(text: str) -> None:
    """Nothing else gets out of the parser."""
    try:
        fault = Fault.parse(text)
    except FaultError as error:
        assert str(error)
        return
    assert fault.endpoint in ENDPOINTS
    assert fault.kind in KINDS
    assert Fault.parse(fault.text) == fault
