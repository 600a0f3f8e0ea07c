"""One HTML file without a network: the diagram, and the runs that can be walked through on it. Pure.

The content security policy lets in exactly one script and one style sheet, both by their hash. What comes from machine
files and journals is data: JSON in a block that no browser executes, escaped text in the diagram.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fsm_robot.analyst.drawing.compare import Comparison
from fsm_robot.analyst.drawing.scene import Heat, Scene, scene
from fsm_robot.analyst.drawing.svg import Marks, picture, state_ids, style
from fsm_robot.analyst.markup import element, escaped
from fsm_robot.analyst.player.assets import Assets
from fsm_robot.analyst.player.history import ListedRun, Run, shown_runs
from fsm_robot.analyst.player.texts import texts
from fsm_robot.analyst.words import Words
from fsm_robot.engine.journal.replay import Divergence
from fsm_robot.engine.machine.checks import JOB_STATUSES
from fsm_robot.engine.machine.definition import Definition, State

KEYS = {
    "blank": "Space",
    "left": "←",
    "right": "→",
    "home": "Home",
    "end": "End",
    "plus": "+",
    "minus": "−",
    "zero": "0",
}
ICONS = {
    "first": "M2 2h2v12H2zM14 2v12L5 8z",
    "back": "M12 2v12L3 8z",
    "play": "M3 1v14l11-7z",
    "pause": "M3 2h4v12H3zM9 2h4v12H9z",
    "next": "M4 2v12l9-6z",
    "last": "M12 2h2v12h-2zM2 2v12l9-6z",
    "smaller": "M2 7h12v2H2z",
    "larger": "M7 2h2v5h5v2H9v5H7V9H2V7h5z",
    "fit": "M1 1h5v2H3v3H1zM10 1h5v5h-2V3h-3zM1 10h2v3h3v2H1zM13 10h2v5h-5v-2h3z",
}
SPEEDS = (1, 2, 5, 10, 30)


def page(words: Words, runs: Sequence[Run], assets: Assets, heat: Heat | None = None, columns: int = 1) -> str:
    """Return the run player for `runs`; without runs it shows the diagram alone."""
    drawn = scene(words, heat, columns)
    return _player(words, assets, drawn, shown_runs(told(runs, words.language), words.definition))


def served_page(words: Words, runs: Sequence[ListedRun], assets: Assets, address: str) -> str:
    """Return the run player for runs that it fetches from `address` on its own server, when they are looked at."""
    return _player(words, assets, scene(words), [run.shown for run in runs], address)


def told(runs: Iterable[Run], language: str) -> list[Run]:
    """Return runs with what is wrong with them in the words of a language."""
    sentence = texts(language)["damaged"]
    return [run.told(sentence) for run in runs]


def json_text(values: object) -> str:
    """Return JSON that cannot end the block it stands in, and that UTF-8 can hold."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    # The escape that Python writes for half a surrogate pair is one of JSON, too.
    return text.encode("utf-8", "backslashreplace").decode()


def _player(words: Words, assets: Assets, drawn: Scene, runs: Sequence[Mapping[str, object]], address: str = "") -> str:
    t = texts(words.language)
    data = {**_data(words), "runs": runs, "address": address}
    body = [
        _header(words.machine, t, bool(runs)),
        _map(picture(drawn, Marks()), t),
        _story(t) if runs else "",
        _controls(t) if runs else "",
        '<section id="printed"></section>',
        element("script", {"type": "application/json", "id": "data"}, json_text(data)),
    ]
    classes = None if runs else "alone"
    return document(words.machine, words.language, body, assets, classes, fetches=bool(address))


def comparison_page(
    words: Words, comparison: Comparison, assets: Assets, verdicts: Sequence[tuple[str, Divergence | None]]
) -> str:
    """Return a page that shows what a machine does differently: drawing, table, and what recorded runs would do."""
    t = texts(words.language)
    body = [
        "<main>",
        element("h1", {}, escaped(f"{words.machine}: {t['changes']}")),
        picture(scene(words), comparison.marks),
        *_differences(comparison, t),
        *_verdicts(verdicts, t),
        "</main>",
    ]
    return document(words.machine, words.language, body, assets, "page", script=False)


def _differences(comparison: Comparison, t: Mapping[str, str]) -> Iterator[str]:
    if not comparison.differences:
        yield element("p", {}, escaped(t["no_changes"]))
        return
    head = element("tr", {}, *(element("th", {}, escaped(t[key])) for key in ("how", "what", "name", "old", "new")))
    rows = [
        _table_row((t[each.how], t[each.what], each.label, each.old, each.new), each.how)
        for each in comparison.differences
    ]
    yield element("table", {}, head, *rows)


def _verdicts(verdicts: Sequence[tuple[str, Divergence | None]], t: Mapping[str, str]) -> Iterator[str]:
    if not verdicts:
        return
    yield element("h2", {}, escaped(t["diverging"]))
    head = element("tr", {}, *(element("th", {}, escaped(t[key])) for key in ("run", "step", "event", "old", "new")))
    rows = [
        _table_row((name, str(found.seq), found.event, found.recorded, found.now), "changed")
        if found
        else _table_row((name, "", "", "", t["same"]), "")
        for name, found in verdicts
    ]
    yield element("table", {}, head, *rows)


def _table_row(cells: Sequence[str], kind: str) -> str:
    first, *others = (escaped(cell) for cell in cells)
    return element(
        "tr", {}, element("td", {"class": kind or None}, first), *(element("td", {}, cell) for cell in others)
    )


def document(
    title: str,
    language: str,
    body: Iterable[str],
    assets: Assets,
    body_class: str | None = None,
    *,
    script: bool = True,
    fetches: bool = False,
) -> str:
    """Return a whole page that nothing can be added to; `fetches` lets its script ask its own server."""
    # The hashes are over all that stands between the tags, the first line break included.
    sheet = f"\n{assets.style}\n{style()}"
    code = f"\n{assets.script}"
    policy = (
        f"default-src 'none'; style-src '{_hash(sheet)}'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_quoted_hash(code) if script else chr(39) + 'none' + chr(39)}"
        f"{'; connect-src ' + chr(39) + 'self' + chr(39) if fetches else ''}"
    )
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # A browser that is named no icon asks the server for one.
        '<link rel="icon" href="data:,">',
        f"<title>{escaped(title)}</title>",
        f"<style>{sheet}</style>",
    ]
    tail = f"<script>{code}</script>" if script else ""
    shown = f' class="{body_class}"' if body_class else ""
    lines = ["<!DOCTYPE html>", f'<html lang="{escaped(language or "en")}">', "<head>", *head, "</head>"]
    return "\n".join([*lines, f"<body{shown}>", *body, tail, "</body>", "</html>", ""])


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _quoted_hash(text: str) -> str:
    return f"'{_hash(text)}'"


def _data(words: Words) -> dict[str, object]:
    definition = words.definition
    t = texts(words.language)
    ids = state_ids(definition)
    return {
        "texts": t,
        "statuses": {str(status): name for status, name in JOB_STATUSES.items()},
        "states": {state.name: _state(words, state, ids[state.name]) for state in definition.states},
        "events": {
            name: {"title": words.event(name), "about": words.about_event(name)} for name in _events(definition)
        },
    }


def _events(definition: Definition) -> Iterable[str]:
    answers = (event for spec in definition.callbacks for event in spec.possible)
    return dict.fromkeys([*definition.events(), *answers])


def _state(words: Words, state: State, identity: str) -> dict[str, object]:
    spec = words.definition.callback(state.on_enter) if state.on_enter else None
    return {
        "id": identity,
        "title": words.state(state.name),
        "callback": words.call(state.on_enter),
        "does": words.about_state(state.name) or (spec.does if spec else ""),
        "answers": list(spec.possible) if spec else [],
    }


def _header(name: str, t: Mapping[str, str], with_runs: bool) -> str:
    choices = [("run", t["run"]), ("job", t["job_filter"]), ("outcome", t["outcome_filter"])] if with_runs else []
    lists = [
        element("label", {"for": identity}, escaped(text), f'<select id="{identity}"></select>')
        for identity, text in choices
    ]
    zoom = element("div", {"class": "buttons"}, *(_button(name, t) for name in ("smaller", "larger", "fit")))
    return element("header", {}, element("h1", {}, escaped(name)), *lists, zoom)


def _map(svg: str, t: Mapping[str, str]) -> str:
    return element("div", {"id": "map", "role": "region", "aria-label": t["diagram"], "tabindex": 0}, svg)


def _story(t: Mapping[str, str]) -> str:
    return f"""<aside aria-label="{escaped(t["story"])}">
<div id="story" aria-live="polite" aria-atomic="true">
<h2 id="stamp"></h2><p id="event"></p><p id="event-about"></p><p id="move"></p><p id="answer"></p><p id="due"></p>
<dl id="facts"></dl><p id="problem"></p>
</div>
<h3 id="near-title">{escaped(t["around"])}</h3><ol id="near" aria-labelledby="near-title"></ol>
</aside>"""


def _controls(t: Mapping[str, str]) -> str:
    buttons = "".join(_button(name, t) for name in ("first", "back", "play", "next", "last"))
    speeds = "".join(f"<option{' selected' if speed == 2 else ''}>{speed}</option>" for speed in SPEEDS)
    speed = element("label", {"for": "speed"}, escaped(t["speed"]), f'<select id="speed">{speeds}</select>')
    slider = {"id": "slider", "type": "range", "min": 0, "max": 0, "value": 0, "step": 1, "aria-label": t["slider"]}
    keys = {name: f"<kbd>{key}</kbd>" for name, key in KEYS.items()}
    return f"""<footer>
<div class="buttons">{buttons}</div>
<div id="line"><canvas id="strip" aria-hidden="true"></canvas><i id="cursor"></i>{element("input", slider)}</div>
<div><span id="where"></span> {speed}</div>
<p id="keys">{escaped(t["keys"]).format(**keys)}</p>
</footer>"""


def _button(name: str, t: Mapping[str, str]) -> str:
    icons = ("play", "pause") if name == "play" else (name,)
    box = {"viewBox": "0 0 16 16", "width": 14, "height": 14, "aria-hidden": "true"}
    signs = (element("svg", {**box, "class": f"{icon}-icon"}, element("path", {"d": ICONS[icon]})) for icon in icons)
    return element("button", {"type": "button", "id": name, "aria-label": t[name], "title": t[name]}, *signs)
