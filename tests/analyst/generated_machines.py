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

MORE_NAMES = (
    # Signs and words of Markdown, Mermaid, Graphviz, PlantUML, XML and JavaScript; numbers; what table tools read as nothing;
    # right to left, marks that combine, emoji, what is no character; names that differ in their case alone; long ones.
    "_under_", "***x***", "![img](x.png)", "| a | b |", "---", "* * *", "+ plus", "~sub~", "^sup^", "[x] done",
    "- [ ] todo", "<!-- comment -->", "&nbsp;", "&#65;", "&lt;b&gt;", "a\\*b", "``", "```js", ":smile:", "==mark==",
    "$$x$$", "\\(x\\)", "http://example.com/a?b=c&d", "<http://a.b>", "@user", "[[wiki]]", "{{tpl}}", "{% raw %}",
    "%d", "%s %(x)s", "%%", "${x}", "{x}", "{", "}", "{}", "1)", "2.", "A. first", "word_with_under_scores", "a*b*c",
    "a_b_", "**", "_", "*", "~", "`", "Setext\n===", "    code", "two  blanks", "a  \nb", "graph", "subgraph", "class",
    "classDef x fill:red", "style", "click", "click s1 callback", "link", "direction LR", "<<fork>>", "<<choice>>",
    "fork", "--", "-->", "note right of s1", "root_start", "accTitle: x", "title x", "%%{init: {}}%%x", ":::", ";",
    "end note", "<br/>", "<br>", "hide empty description", "scale 350 width", "stateDiagram-v2", "default",
    "interpolate", 'state "x" as s1', "s1 --> s2", "fa:fa-car", "icon", "root", "history", "[H]", "#quot;", "#9829;",
    "#", '"', "''", "'", "_self", "href", "call", "this", "node", "edge", "digraph", "strict", "\\L", "\\G", "\\E",
    "\\T", "\\H", "\\l", "\\r", "<b>x</b>", "->", "a\\", "\\", '\\"', "&Alpha;", "_start", "start", "/* c */", "// c",
    "# c", "a:b:n", "a:n", "@startuml", "!include x", "!define A B", "'comment", "/' block '/", "skinparam x y",
    "<color:red>x", "<color:red>x</color>", "<&heart>", "<img:x>", "//italic//", "--strike--", "~~wave~~", '""mono""',
    "\\\\n", "%newline()", "%date()", "<U+0041>", "<s>x", "[[http://x label]]", "..", "==", "__", "__a", "|x|",
    "= head", "$sprite", "<$sprite>", "#red", ":)", "\\t", "<size:40>x", "<sub>x</sub>", "{field}", "allowmixing",
    "<math>x</math>", "<code>x", "____", "a__b__", "****", "####", "- - -", "0 --", "(*)", "...", "]]>",
    "<?xml version='1.0'?>", "&amp;amp;", "Process_1", "xmlns", "Definitions", "State_Ready", "Begin", "prototype",
    "valueOf", "hasOwnProperty", "then", "length", "name", "javascript:alert(1)", "<script>alert(1)</script>",
    '" onload="x', "ready", "Ready", "READY", "rEADY", "READY_", "straße", "STRASSE", "İ", "i", "ı", "I", "ß", "ẞ",
    "1st", "2", "007", "1e5", "0x10", "-1", ".5", "1.", "1_000", "1,5", "½", "٣", "²", "1/2", "2026-11-27", "12:30:00",
    "שלום", "مرحبا بالعالم", "abc שלום 123", "\u202eevil", "\u200fx", "\u2066x\u2069", "(שלום)", "1. שלום",
    "שלום --> עולם", "e\u0301\u0301\u0301", "\u0301lead", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\u2764\ufe0f", "❤", "a\u200bb",
    "\ufeffbom", "soft\xadhyphen", "nb\xa0sp", "\u3000wide\u3000", "\ue000pua", "x\uffffy", "\U0010ffff", "\ufdd0",
    "\U000e0041tag", "a\x00b", "a\rb", "a\x0bb", "a\x0cb", "\x85nel", "\x7fdel", "\x9b31m", "\u2029p", "ﬁ", "Ⅷ", "ℵ",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "க்ஷ", "नमस्ते", "ไทย", "한국어", "ѐ", "Ω",
    "é", "e\u0301", "ﷺ", "𝕏", "\U0001d173x", "nan", "NULL", "n/a", "#N/A", "<NA>", "NaN", "inf", "-inf", "Infinity", "true",
    "False", "yes", "No", "Off", "=SUM(A1)", "+1", "@x", "\t=1", "'quoted", "a,b", 'a"b', "a;b", "a|b", " lead",
    "trail ", "-", "?", "!", "!!", "&", "&&", "<", ">", "<>", "</", "//", "/", ".", "../x", "C:\\x", "con", "NUL",
    "aux",
    "x" * 200, "W" * 200, "слово " * 33 + "слово", "ab " * 66 + "ab", "あ" * 200, "a_" * 100, "1234567890" * 20, "\U0001f916" * 100,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 33, "a" + "b" * 198 + "c", "a" + "b" * 198 + "d",
)  # fmt: skip


def named(place: int, size: int = 10) -> Definition:
    """Return a machine whose states are ten of the names above, the next ten for each place, with thirty as events."""
    chance, names = random.Random(place), [*MORE_NAMES]
    random.Random(0).shuffle(names)
    names = names[place * size :] + names[: place * size]
    states, final, events = names[:size], names[size], iter(names[3 * size :])
    edges: list[Transition] = []
    for number, source in enumerate(states):
        dests = [
            [*states, final][number + 1],
            *(chance.choice([source, chance.choice(states), final]) for _ in range(2)),
        ]
        for dest in dests:
            kind = chance.choice(("internal", "external")) if dest == source else "external"
            code = 0 if dest == final else None
            edges.append(
                Transition(next(events), source, dest, kind, code, progress=kind == "external" and dest != final)
            )
    calls = [f"{name} {number}" for number, name in enumerate(names[size : 2 * size])]
    specs = tuple(
        CallbackSpec(call, "", tuple(edge.trigger for edge in edges if edge.source == state))
        for call, state in zip(calls, states, strict=True)
    )
    found = (*(State(name, call) for name, call in zip(states, calls, strict=True)), State(final, final=True))
    return Definition(names[2 * size], states[0], found, tuple(edges), {}, specs, {"failed": 5})


NAMED = {f"named-{place}": named(place) for place in range(-(-len(MORE_NAMES) // 10))}


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
