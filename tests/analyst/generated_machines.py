"""Fifty machines that nobody has drawn before: random shapes, names that break programs."""

from __future__ import annotations

import random

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Transition

COUNT = 50
NAMES = (
    "NA", "None", "null", "NaN", "__init__", "*done*", "**b**", "`code`", "~~gone~~", "# heading", "1. first", "- item",
    "> quote", "[link](http://a.b)", "www.example.com", "a@b.c", "$x^2$", "<b>bold</b>", "a;b", 'say "no"', "%%{init}%%",
    "end", "note left", "state", "[*]", "a --> b", "back\\slash", "\\N", "\\n", "#1", "#59;", "&amp;", "fa:fa-ban", ":::x",
    "Проверить счёт", "Ждать ответа поставщика", "日本語の状態", "👍🏽", "e\u0301", "tab\there", "two\nlines", "\x1b[31mred\x07",
    "\x00nul", "c1\x9b2J", "turned\u202eback", "line\u2028break", "constructor", "__proto__", "true", "12:30", "=1+1", "@enduml",
    "a state whose title is exactly as long as it may be, sixty!!",
    "a state whose title is exactly as long as it may be, sixty!?",
    "Проверить_счёт_поставщика_и_передать_его_в_бухгалтерию_сразу", "x" * 60,
)  # fmt: skip


def generated(seed: int) -> Definition:
    """Return a machine of 3 to 12 states: every kind of transition, several ways between the same two and to itself."""
    chance = random.Random(seed)
    count = chance.randrange(3, 13)
    words = chance.sample(NAMES, count + 1)
    states, final = words[:count], words[count]
    edges: list[Transition] = []
    used: set[tuple[str, str]] = set()

    def event(source: str) -> str:
        while True:
            name = chance.choice(NAMES) if chance.random() < 0.7 else f"event_{chance.randrange(100)}"
            if (source, name) not in used:
                used.add((source, name))
                return name

    for place, source in enumerate(states):
        ahead = states[place + 1] if place + 1 < count else final
        edges.append(Transition(event(source), source, ahead, exit_code=0 if ahead == final else None))
        for _ in range(chance.randrange(4)):
            dest = chance.choice([source, source, chance.choice(states), final])
            kind = chance.choice(("internal", "external")) if dest == source else "external"
            edges.append(Transition(event(source), source, dest, kind, exit_code=3 if dest == final else None))
    calls = [chance.choice(NAMES) + f" {number}" for number in range(count)]
    specs = tuple(
        CallbackSpec(
            call, "POST /api/x" if chance.random() < 0.3 else "", tuple(e.trigger for e in edges if e.source == name)
        )
        for call, name in zip(calls, states, strict=True)
    )
    found = (*(State(name, call) for name, call in zip(states, calls, strict=True)), State(final, final=True))
    return Definition(chance.choice(NAMES), states[0], found, tuple(edges), {}, specs, {"failed": 5})


MACHINES = {f"generated-{seed}": generated(seed) for seed in range(COUNT)}
