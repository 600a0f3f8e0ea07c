"""What people write into YAML and JSON files, and what becomes of it: what they expect, or one clear sentence."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.cli.diagram import FORMATS
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import DefinitionError

YAML = """\
format: 1
machine: m
initial: A
states:
  - {name: A, on_enter: go}
  - {name: Z, final: true}
transitions:
  - {trigger: done, source: A, dest: Z, exit_code: 0}
callbacks: {go: {answers: [done]}}
outcomes: {failed: 5}
"""


def changed(old: str, new: str) -> str:
    assert old in YAML
    return YAML.replace(old, new, 1)


def mistakes(text: str, callbacks: tuple[str, ...] | None = None) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        compile_text(text, "m.yaml", callbacks)
    return list(caught.value.problems)


def as_json(machine: str = "m", state: str = "A", event: str = "done") -> dict[str, object]:
    return {
        "format": 1,
        "machine": machine,
        "initial": state,
        "states": [{"name": state, "on_enter": "go"}, {"name": "Z", "final": True}],
        "transitions": [{"trigger": event, "source": state, "dest": "Z", "exit_code": 0}],
        "callbacks": {"go": {"answers": [event], "codes": {"Code": {"0": None, "-1": event}}}},
        "outcomes": {"failed": 5},
    }


TAGS = {
    "!!str 5": ("machine: m", "machine: !!str 5", "5"),
    "! 5": ("machine: m", "machine: ! 5", "5"),
    "!!str true": ("machine: m", "machine: !!str true", "true"),
    "!!str 0o17": ("machine: m", "machine: !!str 0o17", "0o17"),
    '!!str "x"': ("machine: m", 'machine: !!str "x"', "x"),
    "date": ("machine: m", "machine: 2020-01-01", "2020-01-01"),
    "anchor": ("machine: m\ninitial: A", "machine: &name A\ninitial: *name", "A"),
    "verbatim": ("machine: m", "machine: !<tag:yaml.org,2002:str> 5", "5"),
    "document marks": ("format: 1\nmachine: m", "%YAML 1.2\n---\nformat: 1\nmachine: m", "m"),
    "block text": ("machine: m", "machine: >-\n  a long\n  name", "a long name"),
    "escape": ("machine: m", 'machine: "\\u0416\\/\\U0001F600"', "Ж/😀"),
}


@pytest.mark.parametrize(("old", "new", "name"), TAGS.values(), ids=TAGS.keys())
def test_what_yaml_has_is_read_as_yaml_means_it(old: str, new: str, name: str) -> None:
    """A tag says the type, an anchor repeats, marks begin a document."""
    assert compile_text(changed(old, new), "m.yaml").name == name


def test_tags_that_say_the_type_of_a_value_are_obeyed() -> None:
    """`!!int "3"` is the number 3, in flow and in block style, also where an alias repeats it."""
    text = changed("exit_code: 0", 'exit_code: !!int "3"').replace(
        "outcomes: {failed: 5}", "outcomes: !!map\n  failed: !!int 5\n"
    )

    definition = compile_text(text.replace("states:", "states: !!seq"), "m.yaml")

    assert (definition.transitions[0].exit_code, definition.outcomes) == (3, {"failed": 5})


REFUSED = {
    "int that is none": ("exit_code: 0", "exit_code: !!int x", "m.yaml:8:52: 'x' is not of the type int that its tag says", "plain value"),
    "bool that is none": ("final: true", "final: !!bool 1", "m.yaml:6:22: '1' is not of the type bool", "plain value"),
    "binary": ("machine: m", "machine: !!binary aGk=", "m.yaml:2:10: tag '!!binary' is not allowed", "write plain values"),
    "timestamp": ("machine: m", "machine: !!timestamp 2020-01-01", "m.yaml:2:10: tag '!!timestamp' is not", "plain"),
    "own tag": ("machine: m", "machine: !secret x", "m.yaml:2:10: tag '!secret' is not allowed", "write plain values"),
    "set": ("states:", "states: !!set", "m.yaml:4:9: tag '!!set' is not allowed", "write plain values"),
    "map that is a list": ("states:", "states: !!map", "m.yaml:4:9: tag '!!map' is not allowed", "write plain values"),
    "omap": ("{failed: 5}", "!!omap [failed: 5]", "m.yaml:10:11: tag '!!omap' is not allowed", "write plain values"),
    "merge in a map": ("{failed: 5}", "{<<: {a: 4}, failed: 5}", "m.yaml:10:12: merge keys (`<<`) are not allowed", "write the keys out"),
    "merge in an entry": ("  - {name: Z", "  - {<<: {final: true}, name: Z", "m.yaml:6:6: merge keys (`<<`)", "write the keys out"),
    "merge of an alias": (
        "states:\n  - {name: A, on_enter: go}", "states:\n  - &a {name: A, on_enter: go}\n  - {<<: *a, name: B}",
        "m.yaml:6:6: merge keys (`<<`)", "write the keys out",
    ),
    "duplicate": ("machine: m", "machine: m\nmachine: n", "m.yaml:3:1: key 'machine' is written twice", "line 2"),
    "code as text and number": (
        "[done]}", "[done], codes: {X: {1: done, '1': null}}}", "codes: the code 1 is written twice", "m.yaml:9:",
    ),
    "second document": (YAML, f"{YAML}---\n{YAML}", "m.yaml:11:1: is not YAML", "a file holds one document; delete `---`"),
    "document mark inside": ("states:", "states:\n---", "is not YAML", "a file holds one document; delete `---`"),
    "tab": ("  - {name: A", "\t- {name: A", "m.yaml:5:1: is not YAML", "indent with blanks, not with tabs"),
    "colon": ("machine: m", "machine: a: b", "m.yaml:2:11: is not YAML", "put a text with a colon into quotes"),
    "at sign": ("machine: m", "machine: @m", "m.yaml:2:10: is not YAML", "put a text that begins so into quotes"),
    "percent": ("machine: m", "machine: %m", "m.yaml:2:10: is not YAML", "put a text that begins so into quotes"),
    "star": ("machine: m", "machine: *m", "m.yaml:2:10: is not YAML", "into quotes"),
    "template": ("machine: m", "machine: {{ name }}", "m.yaml:2:10: machine must be a text, not a mapping", ""),
    "bell": ("machine: m", "machine: m\x07", "m.yaml:2:11: is not YAML: the character U+0007 is not allowed", "delete it"),
    "other version": ("format: 1", "%YAML 3.0\n---\nformat: 1", "m.yaml:1:1: is not YAML", "delete the line that begins with %YAML"),
    "number for a name": ("machine: m", "machine: 5", "m.yaml:2:10: machine must be a text, not 5", 'write it in quotes: "5"'),
    "infinity": ("[done]}", "[done], retry: {on: [], for_s: Infinity}}", "for_s must be a number, not 'Infinity'", "write .inf"),
    "on_exit": ("on_enter: go", "on_enter: go, on_exit: stop", "m.yaml:5:29: unknown key 'on_exit' in a state", "the callback of the next state"),
    "entry": ("on_enter: go", "entry: go", "unknown key 'entry' in a state", "it is called `on_enter` here"),
    "children": ("on_enter: go", "on_enter: go, children: []", "unknown key 'children'", "states cannot have states inside"),
    "guard": ("exit_code: 0", "exit_code: 0, guard: x", "unknown key 'guard' in a transition", "let a callback choose"),
    "conditions": ("exit_code: 0", "exit_code: 0, conditions: [x]", "unknown key 'conditions'", "let a callback choose"),
    "action": ("exit_code: 0", "exit_code: 0, before: x", "unknown key 'before'", "the `on_enter` of the state"),
    "target": ("dest: Z", "target: Z", "unknown key 'target' in a transition", "it is called `dest` here"),
    "from": ("source: A", "from: A", "unknown key 'from' in a transition", "it is called `source` here"),
    "event": ("trigger: done", "event: done", "unknown key 'event' in a transition", "it is called `trigger` here"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "problem", "instead"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_read_is_refused_with_its_place_and_what_to_write_instead(
    old: str, new: str, problem: str, instead: str
) -> None:
    """Whoever tries what other tools have is told so, where it stands."""
    found = mistakes(changed(old, new))

    assert any(problem in each and instead in each for each in found), found


def test_a_quoted_merge_key_is_a_name_like_any_other() -> None:
    """Only the plain `<<` is YAML's; a quoted one is somebody's word."""
    assert compile_text(changed("{failed: 5}", '{"<<": 5}'), "m.yaml").outcomes == {"<<": 5}


@given(
    st.fixed_dictionaries({key: st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
                           for key in ("machine", "state", "event")}).filter(lambda names: names["state"] != "Z"),
    st.booleans(), st.sampled_from([None, 2, "\t"]),
)  # fmt: skip
def test_json_is_a_machine_file_whatever_its_escapes(
    names: dict[str, str], ascii_only: bool, indent: int | str | None
) -> None:
    """Escapes of any character, halves of pairs too; tabs or nothing between the tokens; codes as texts."""
    text = json.dumps(as_json(**names), ensure_ascii=ascii_only, indent=indent, separators=(",", ":"))

    definition = compile_text(text.replace("/", "\\/"), "m.json")

    assert (definition.name, definition.initial, definition.events()) == (
        names["machine"],
        names["state"],
        (names["event"],),
    )
    assert definition.callback("go").codes == {"Code": {0: None, -1: names["event"]}}


@pytest.mark.parametrize("text", ["\\ud83d", "\\ude00\\ud83d", "\\x41"])
def test_json_that_is_broken_is_one_sentence(text: str) -> None:
    """Half a character is none, and neither is an escape that JSON does not have but YAML would take."""
    whole = json.dumps(as_json()).replace('"machine": "m"', f'"machine": "{text}"')

    if text == "\\x41":
        assert compile_text(whole, "m.json").name == "A"
    else:
        assert "is not YAML" in mistakes(whole)[0]


def test_a_backslash_before_an_escape_is_kept_in_json() -> None:
    """Two backslashes are one, and what follows is plain text."""
    assert compile_text(json.dumps(as_json(machine="\\ud83d\\ude00 \\\\n")), "m.json").name == "\\ud83d\\ude00 \\\\n"


letters = st.text(st.sampled_from("éйёÅñ한ぱ̈Ωǖ a"), min_size=1, max_size=6).filter(str.strip)
Form = Literal["NFC", "NFD"]
forms: st.SearchStrategy[Form] = st.sampled_from(["NFC", "NFD"])


@given(letters.map(str.strip), st.lists(forms, min_size=4, max_size=4))
def test_two_spellings_of_one_name_are_one_name(word: str, found: list[Form]) -> None:
    """State, event, callback: a name is the same however the system that wrote the line spells it."""
    spelled = [unicodedata.normalize(form, word) for form in found]
    text = json.dumps({
        **as_json(),
        "states": [{"name": f"S {spelled[0]}", "on_enter": f"c {spelled[1]}"}, {"name": "Z", "final": True}],
        "initial": f"S {spelled[2]}",
        "transitions": [{"trigger": f"e {spelled[0]}", "source": f"S {spelled[3]}", "dest": "Z", "exit_code": 0}],
        "callbacks": {f"c {spelled[3]}": {"answers": [f"e {spelled[1]}"]}},
    })  # fmt: skip

    definition = compile_text(text, "m.json", (f"c {unicodedata.normalize('NFC', word)}",))

    machine = RobotMachine(definition)
    assert machine.start().callback == f"c {unicodedata.normalize('NFC', word)}"
    assert machine.handle(Event(f"e {spelled[2]}")).dest == "Z"


def test_a_state_that_is_there_in_two_spellings_is_there_twice() -> None:
    """They would look the same in every drawing."""
    text = changed(
        "  - {name: Z, final: true}", "  - {name: Й, final: true}\n  - {name: И\u0306, final: true}"
    ).replace("dest: Z", "dest: Й")

    assert mistakes(text) == ["m.yaml:7:5: state 'Й' is written twice; the first one is in line 6"]


def test_a_file_keeps_the_spelling_that_its_journals_have() -> None:
    """A machine of 0.1 whose names were decomposed is still that machine."""
    definition = compile_text(changed("name: Z", "name: И\u0306").replace("dest: Z", "dest: И\u0306"), "m.yaml")

    assert definition.states[1].name == "И\u0306"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_that_is_not_utf_8_is_told_how_to_save_it(tmp_path: Path, encoding: str) -> None:
    """Notepad's `Unicode` is UTF-16."""
    path = tmp_path / "m.yaml"
    path.write_bytes(YAML.encode(encoding))

    with pytest.raises(DefinitionError, match=r"m\.yaml:1:1: is UTF-16.*; save it as UTF-8"):
        machine_file.load(path, None, ())


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_ending_are_read(tmp_path: Path, ending: str) -> None:
    """Files of Windows, and of an editor that marks UTF-8."""
    path = tmp_path / "m.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + YAML.replace("\n", ending).encode())

    assert machine_file.load(path, None, ()).name == "m"


ONLY_AN_END = "machine: m\nformat: 1\ninitial: Z\nstates: [{{name: Z, final: true{0}}}]\ntransitions: []\ncallbacks: {{{1}}}\noutcomes: {{}}\n"


@pytest.mark.parametrize(
    "callback", [("", ""), (", on_enter: go", "go: {answers: []}")], ids=["bare", "with a callback"]
)
def test_the_initial_state_may_be_final(tmp_path: Path, callback: tuple[str, str]) -> None:
    """A run that ends where it starts: nothing to do is an end, too, in every drawing."""
    path = tmp_path / "m.yaml"
    path.write_text(ONLY_AN_END.format(*callback), encoding="utf-8")
    definition: Definition = machine_file.load(path, None, ())
    machine = RobotMachine(definition)

    assert machine.start().callback == ("go" if callback[0] else "")
    assert machine.finished
    for name in sorted(set(FORMATS) - {"png", "pdf"}):
        assert main(["diagram", str(path), "--format", name, "-o", str(tmp_path / name)]) == 0, name
    for name in ("scxml", "bpmn-exact"):
        assert main(["diagram", "--from", str(tmp_path / name), "-o", str(tmp_path / "again.yaml")]) == 0
        assert machine_file.load(tmp_path / "again.yaml", None, ()).digest() == definition.digest()
