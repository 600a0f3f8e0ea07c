"""Machines that nobody would write, sound all the same: names of any characters, every kind of transition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
from hypothesis import strategies as st

from fsm_robot.engine.machine.definition import (
    CallbackSpec,
    Definition,
    Label,
    Labels,
    RetryPolicy,
    State,
    Timeout,
    Transition,
)

HOSTILE = (
    "end", "state", "a;b", 'say "no"', "a<b>&amp;", "с пробелом", "a::b", "note left", "back\\slash", "\\N", "#1", "#59;",
    "a.b", "*", "[*]", "a --> b", "constructor", "__proto__", "toString", "error", "done.state.a", "Start", "null", "true",
    "Off", "12:30", "0", " padded ", "two\nlines", "tab\there", "кириллица", "日本語", "👍🏽", "e\u0301", "\u200f\u05d0",
    "\x01bell\x07", "</state>", "]]>", "<!--", "%%", "'single'", "=1+1", "@enduml", "s1", "State_s1", "n_12345678", "-", "_",
)  # fmt: skip
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: text.strip()),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True),
)
texts = st.one_of(st.just(""), st.sampled_from(["one line", "POST /api/x <&> «да»", "\\u0041 \\ \\\\"]))
label_texts = st.sampled_from([{}, {"": "a title «т»"}, {"en": "a title"}, {"en": "title", "pt-BR": "título"}])


@attrs.define
class _Draft:
    draw: st.DrawFn
    states: list[str]
    finals: list[str]
    events: list[str]
    inbox: list[str]

    def edges(self, place: int) -> list[Transition]:
        """Return the transitions of a state: one to the next state, others anywhere, each with an event of its own."""
        source = self.states[place]
        left = list(self.events)
        last = place == len(self.states) - 1
        must = self.finals if last else [self.states[place + 1]]
        found = [self.forward(left.pop(0), source, dest) for dest in must]
        for event in left[: self.draw(st.integers(0, 3))]:
            found += self.anywhere(event, place)
        return found

    def forward(self, event: str, source: str, dest: str) -> Transition:
        code = self.draw(st.sampled_from([0, 1, 6])) if dest in self.finals else None
        outcome = self.draw(st.sampled_from(["", "failed"]))
        return Transition(event, source, dest, exit_code=code, progress=self.draw(st.booleans()), outcome=outcome)

    def anywhere(self, event: str, place: int) -> list[Transition]:
        source = self.states[place]
        kind = self.draw(st.sampled_from(["internal", "progress", "budget", "forward"]))
        if kind == "internal":
            return [Transition(event, source, source, "internal", progress=self.draw(st.booleans()))]
        if kind == "forward":
            ahead = self.states[place + 1 :] + self.finals
            return [self.forward(event, source, self.draw(st.sampled_from(ahead)))]
        dest = self.draw(st.sampled_from(self.states[: place + 1]))
        if kind == "progress":
            return [Transition(event, source, dest, progress=True)]
        end = self.finals[0]
        budget = self.draw(st.integers(1, 3))
        return [
            Transition(event, source, dest, at_most=budget),
            Transition(event, source, end, exit_code=4, spent=True),
        ]


@st.composite
def machines(draw: st.DrawFn, names: st.SearchStrategy[str] = names) -> Definition:
    """A machine of up to six states that `checks` finds no fault in."""
    words = draw(st.lists(names, min_size=22, max_size=22, unique=True))
    count, ends = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    states, finals, events, callbacks = words[:count], words[4 : 4 + ends], words[6:14], words[14:19]
    inbox = words[19 : 19 + draw(st.integers(0, 3))]
    draft = _Draft(draw, states, finals, events, inbox)
    found_states, edges, specs = [], [], []
    for place, name in enumerate(states):
        waits = draw(st.booleans())
        draft.events = draw(st.permutations(events + inbox if waits else events))
        mine = draft.edges(place)
        edges += mine
        handled = {edge.trigger for edge in mine}
        ignores = tuple(event for event in inbox if waits and event not in handled)
        after = tuple(_times(draw, [edge.trigger for edge in mine if not edge.spent])) if waits else ()
        found_states.append(State(name, callbacks[place], ignores=ignores, after=after))
        answers = tuple(dict.fromkeys(edge.trigger for edge in mine if not (waits and edge.trigger in inbox)))
        specs.append(_callback(draw, callbacks[place], answers, waits))
    last = callbacks[4] if draw(st.booleans()) else ""
    found_states += [State(name, last, final=True) for name in finals]
    if last:
        specs.append(CallbackSpec(last))
    reachable = {edge.trigger for edge in edges} | set(inbox)
    labels = Labels(
        {states[0]: Label({"en": "title"}, draw(label_texts))},
        {event: Label(draw(label_texts), {"ru": "описание"}) for event in sorted(reachable)[:1]},
    )
    return Definition(
        draw(names), states[0], tuple(found_states), tuple(edges), dict.fromkeys(inbox, "explained"), tuple(specs),
        {"failed": 5, draw(names): 3}, labels,
    )  # fmt: skip


def _times(draw: st.DrawFn, events: list[str]) -> Iterator[Timeout]:
    """Yield up to three times of a state, each with an event that it handles."""
    spans = st.sampled_from([(0.5, ""), (30.0, ""), (5400.0, ""), (0.0, "scripts.stop_grace_s"), (0.0, "my.own_time")])
    for seconds, setting in draw(st.lists(spans, max_size=3, unique=True)):
        yield Timeout(draw(st.sampled_from(events)), seconds, setting)


def _callback(draw: st.DrawFn, name: str, answers: tuple[str, ...], waits: bool) -> CallbackSpec:
    coded = bool(answers) and draw(st.booleans())
    codes: Mapping[str, Mapping[int, str | None]] = {"Field": {0: None, 101: answers[0]}} if coded else {}
    policies = [
        None,
        RetryPolicy(("garbled", "no_answer"), 60, 1, 2.5, 0.01, 0),
        RetryPolicy(("refused",), float("inf")),
    ]
    retry = draw(st.sampled_from(policies))
    pause_s = draw(st.sampled_from([0.0, 5.0]))
    errors = {"ConnectionError": answers[0], "my.Own": answers[-1], "*": answers[0]} if answers else {}
    return CallbackSpec(name, draw(texts), answers, waits, codes, retry, pause_s, errors if draw(st.booleans()) else {})


def hostile() -> Definition:
    """A fixed machine whose every name is one that breaks something, with every kind of transition."""
    fit = [name for name in HOSTILE if name.isprintable()]
    states, callbacks, events, final = fit[:10], fit[10:20], fit[20:36], fit[36]
    edges = [Transition(events[place], states[place], states[place + 1], progress=place == 0) for place in range(9)]
    edges += [
        Transition(events[9], states[9], final, exit_code=0),
        Transition(events[10], states[3], states[3], "internal"),
        Transition(events[11], states[3], states[3], "external", at_most=2),
        Transition(events[11], states[3], final, exit_code=4, spent=True),
        Transition(events[12], states[5], states[1], at_most=1),
        Transition(events[12], states[5], final, exit_code=3, spent=True),
        Transition(events[13], states[3], states[4]),
        Transition(events[14], states[3], states[4]),
        Transition(events[15], states[8], states[2], progress=True),
    ]
    specs = [
        CallbackSpec(name, "does <this> & «that»", tuple(dict.fromkeys(e.trigger for e in edges if e.source == state)))
        for name, state in zip(callbacks, states, strict=True)
    ]
    found = (*(State(name, call) for name, call in zip(states, callbacks, strict=True)), State(final, final=True))
    return Definition("hostile <&>", states[0], found, tuple(edges), {}, tuple(specs), {"failed": 5})
