from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.checks import ACTING, coverage
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition, from_values
from fsm_robot.errors import DefinitionError
from fsm_robot.robot import machine
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names

SMALL = """\
format: 1
machine: small
initial: A
states:
  - {name: A, on_enter: go}
  - {name: B, on_enter: rest, ignores: [rain]}
  - {name: C, final: true}
transitions:
  - {trigger: went, source: A, dest: B}
  - {trigger: woke, source: B, dest: A, progress: true}
  - {trigger: tired, source: B, dest: C, exit_code: 0}
inbox: {rain: it rains, woke: it woke up, tired: it is tired}
callbacks:
  go: {answers: [went]}
  rest: {answers: [], waits: true}
outcomes: {failed: 5}
"""


def mistakes(text: str, callbacks: tuple[str, ...] | None = None) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        compile_text(text, "m.yaml", callbacks)
    return list(caught.value.problems)


def test_small_machine_is_accepted() -> None:
    """The machine that the other tests spoil is right as it stands."""
    assert compile_text(SMALL, "m.yaml", ("go", "rest")).initial == "A"


SPOILED = {
    "unknown key": (
        "progress: true",
        "progres: true",
        "m.yaml:10:41: unknown key 'progres'",
        "did you mean 'progress'?",
    ),
    "duplicate key": (
        "machine: small",
        "machine: small\nmachine: big",
        "m.yaml:3:1: key 'machine' is written twice",
        "line 2",
    ),
    "missing key": ("trigger: went, ", "", "m.yaml:9:5: a transition needs the key 'trigger'", ""),
    "unknown state in dest": ("dest: B}", "dest: BB}", "m.yaml:9:5: went: there is no state 'BB'", "did you mean 'B'?"),
    "unknown state in source": (
        "source: B, dest: C",
        "source: [B, D], dest: C",
        "m.yaml:11:5: tired: there is no state 'D'",
        "",
    ),
    "unknown initial": ("initial: A", "initial: X", "initial: there is no state 'X'", ""),
    "unknown trigger": (
        "trigger: went",
        "trigger: wen",
        "m.yaml:9:5: no callback answers 'wen'",
        "did you mean 'went'?",
    ),
    "unknown callback": (
        "on_enter: go}",
        "on_enter: goo}",
        "m.yaml:5:5: callback 'goo' is not declared",
        "did you mean 'go'?",
    ),
    "unused callback": (
        "callbacks:\n",
        "callbacks:\n  idle: {answers: []}\n",
        "callback 'idle' is not used by any state",
        "",
    ),
    "unknown ignored event": ("ignores: [rain]", "ignores: [rian]", "ignores 'rian'", "did you mean 'rain'?"),
    "status out of range": ("failed: 5", "failed: 9", "9 is not a job status", "from 0 to 8"),
    "duplicate state": (
        "  - {name: C, final: true}",
        "  - {name: C, final: true}\n  - {name: C, final: true}",
        "m.yaml:8:5: state 'C' is written twice",
        "line 7",
    ),
    "unreachable state": (
        "  - {name: C, final: true}",
        "  - {name: C, final: true}\n  - {name: D, final: true}",
        "m.yaml:8:5: D cannot be reached from A",
        "",
    ),
    "no way to the end": (
        "  - {trigger: tired, source: B, dest: C, exit_code: 0}",
        "  - {trigger: tired, source: A, dest: C, exit_code: 0}\n  - {trigger: tired, source: B, dest: B, kind: internal}\n",
        "A handles 'tired', which go never answers",
        "",
    ),
    "no final": ("name: C, final: true", "name: C, final: false", "no state is final", ""),
    "out of a final": (
        "inbox:",
        "  - {trigger: rain, source: C, dest: A}\ninbox:",
        "m.yaml:12:5: C is final, so no transition can leave it",
        "",
    ),
    "two for one event": (
        "inbox:",
        "  - {trigger: tired, source: B, dest: A}\ninbox:",
        "B already has a transition for 'tired' in line 11",
        "",
    ),
    "unanswered inbox event": (", ignores: [rain]", "", "m.yaml:6:5: B neither handles nor ignores 'rain'", ""),
    "unanswered callback answer": (
        "answers: [went]",
        "answers: [went, rain]",
        "A has no transition for 'rain', which go may answer",
        "",
    ),
    "both handled and ignored": ("ignores: [rain]", "ignores: [rain, woke]", "B both handles and ignores 'woke'", ""),
    "unbounded cycle": (
        SMALL[SMALL.index(", progress: true") :],
        SMALL[SMALL.index(", progress: true") :]
        .replace(", progress: true", "")
        .replace("answers: []", "answers: [woke]"),
        "m.yaml:9:5: there is no limit for the cycle A -> B -> A",
        "at_most",
    ),
    "self-transition without kind": (
        "dest: A, progress: true",
        "dest: B",
        "m.yaml:10:5: B on woke: a transition to the same state must say",
        "internal",
    ),
    "internal to another state": (
        "dest: A, progress",
        "dest: A, kind: internal, progress",
        "only a transition to the same state can be internal",
        "",
    ),
    "outcome that there is none of": (
        "dest: B}",
        "dest: B, outcome: faild}",
        "m.yaml:9:5: A on went: `outcomes` has no 'faild'",
        "did you mean 'failed'?",
    ),
    "outcome of what ends nothing": (
        "dest: A, progress: true",
        "dest: B, kind: internal, outcome: failed",
        "an internal transition ends no job, so outcome has no effect here",
        "",
    ),
    "exit code into a state that goes on": (
        "dest: B}",
        "dest: B, exit_code: 3}",
        "B is not final, so exit_code has no effect",
        "",
    ),
    "budget without an edge for its end": (
        "progress: true",
        "at_most: 2",
        "`at_most` and `then` must be written together",
        "",
    ),
    "code for an event never answered": (
        "go: {answers: [went]}",
        "go: {answers: [went], codes: {X: {0: wnet}}}",
        "X 0 gives 'wnet'",
        "did you mean 'went'?",
    ),
    "code that is no number": (
        "go: {answers: [went]}",
        "go: {answers: [went], codes: {X: {zero: went}}}",
        "'zero' is not a whole number",
        "",
    ),
    "unknown failure kind": (
        "answers: [went]",
        "answers: [went], retry: {on: [no_conection], for_s: 1}",
        "did you mean 'no_connection'?",
        "",
    ),
    "number out of range": (
        "answers: [went]",
        "answers: [went], retry: {on: [], for_s: -1}",
        "for_s must be at least 0",
        "",
    ),
    "flag that is a word": ("final: true", "final: yes", "final must be true or false", ""),
    "text that is a number": ("machine: small", "machine: 12", "machine must be a text, not 12", ""),
    "list that is a word": ("ignores: [rain]", "ignores: rain", "ignores must be a list in brackets", ""),
    "tag": ("machine: small", "machine: !!python/name:os.system x", "m.yaml:2:10: tag", "not allowed"),
    "other format": ("format: 1", "format: 2", "format must be at least 1 and at most 1", ""),
}


@pytest.mark.parametrize(("old", "new", "expected", "hint"), SPOILED.values(), ids=SPOILED.keys())
def test_mistake_when_compiled_is_refused_with_its_place_and_a_hint(
    old: str, new: str, expected: str, hint: str
) -> None:
    """Each kind of author mistake is named where it stands, with what was probably meant."""
    assert old in SMALL
    found = mistakes(SMALL.replace(old, new, 1))

    assert any(expected in problem and hint in problem for problem in found), found


ENDS_A_STAY = {
    "its answer": ("on_enter: act{0}", "act{0}: {{answers: [e{0}, left]}}"),
    "its error": ("on_enter: act{0}", "act{0}: {{answers: [left], errors: {{KeyError: e{0}}}}}"),
    "an answer, though it may wait": ("on_enter: act{0}", "act{0}: {{answers: [e{0}], waits: true}}"),
    "time": ("after: {{1ms: e{0}}}", ""),
    "time, having acted": ("on_enter: act{0}, after: {{30s: e{0}}}", "act{0}: {{answers: [], waits: true}}"),
    "a person, having acted": ("on_enter: act{0}", "act{0}: {{answers: [], waits: true}}"),
    "a person": ("", ""),
}
"""What ends the stay in a state -> its lines in the file. The first three it does by itself."""
BY_ITSELF = tuple(ENDS_A_STAY)[:3]


def ring_of(stays: list[tuple[str, bool]]) -> str:
    """Return a machine whose states are entered one after the other, round and round; `left` leads out of each."""
    states, acts, edges = [], [], []
    for index, (ends, progress) in enumerate(stays):
        state, act = (text.format(index) for text in ENDS_A_STAY[ends])
        states.append(f"  - {{{', '.join(filter(None, [f'name: S{index}', state]))}}}")
        acts += [f"  {act}"] if act else []
        more = ", progress: true" if progress else ""
        dest = (index + 1) % len(stays)
        edges.append(f"  - {{trigger: e{index}, source: S{index}, dest: S{dest}, kind: external{more}}}")
        edges.append(f"  - {{trigger: left, source: S{index}, dest: End}}")
    posted = [f"e{index}" for index, (ends, _) in enumerate(stays) if ends.startswith("a person")]
    return "\n".join([
        "states:", *states, "  - {name: End, final: true}", "transitions:", *edges,
        f"posted: [{', '.join(['left', *posted])}]", "callbacks:" if acts else "callbacks: {}", *acts, "",
    ])  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(list(ENDS_A_STAY)), st.sampled_from([False, False, True])), min_size=1, max_size=5
    )
)
def test_a_way_round_is_a_mistake_only_where_the_robot_could_go_it_for_ever_by_itself(
    stays: list[tuple[str, bool]],
) -> None:
    """One state on the way that waits for something from outside is enough, as is one edge that means progress."""
    text = ring_of(stays)
    is_bounded = any(progress or ends not in BY_ITSELF for ends, progress in stays)

    if is_bounded:
        compile_text(text, "m.yaml")
    else:
        (problem,) = mistakes(text)
        assert "there is no limit for the cycle" in problem


def test_a_transition_into_a_final_state_without_exit_code_means_0() -> None:
    """Also where it is the end of a budget; and the machine is the same as one that says it."""
    text = SMALL.replace(", progress: true", ", at_most: 2, then: {dest: C}")
    silent = compile_text(text.replace(", exit_code: 0", ""), "m.yaml")

    assert [edge.exit_code for edge in silent.transitions if edge.dest == "C"] == [0, 0]
    assert silent.digest() == compile_text(text, "m.yaml").digest()


def test_callback_when_the_program_lacks_it_is_refused_before_anything_runs() -> None:
    """A name in the file that no method answers to is found at the start, with a did-you-mean."""
    found = mistakes(SMALL, ("goo", "rest"))

    assert found == ["m.yaml:14:7: the program has no callback 'go'; did you mean 'goo'?"]


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        (
            "retry: {on: [no_answer], for_s: 9}",
            "announce, consume_job, claim_job, run_script, report_outcome; leave it out",
        ),
        ("codes: {X: {0: went}}", "announce, consume_job, run_script; leave it out, and return the event"),
        ("pause_s: 5", "consume_job; leave it out, and wait in a state with `after`"),
    ],
)
def test_key_that_nobody_reads_in_a_callback_of_ones_own_is_refused(key: str, instead: str) -> None:
    """It would stand in the file and change nothing: what repeats, pauses and reads codes are five callbacks."""
    found = mistakes(SMALL.replace("answers: [went]", f"answers: [went], {key}"), ("go", "rest"))

    assert len(found) == 1
    assert f"go: `{key.partition(':')[0]}` works only in " in found[0]
    assert instead in found[0]


@pytest.mark.parametrize("callback", ["settle_last_run", "claim_job", "ask_script_to_stop", "report_outcome"])
def test_key_that_a_callback_of_the_robot_does_not_read_is_refused_too(states_yaml: str, callback: str) -> None:
    """`codes` of a call whose answer holds no code."""
    event = "" if "script" in callback else re.findall(rf"  {callback}:(?:.|\n)*?answers: \[(\w+)", states_yaml)[0]
    codes = f"codes: {{X: {{0: {event or 'null'}}}}}"
    text = states_yaml.replace(f"  {callback}:\n", f"  {callback}:\n    {codes}\n")
    text = text.replace(f"  {callback}: {{", f"  {callback}: {{{codes}, ")

    with pytest.raises(DefinitionError, match=f"{callback}: `codes` works only in announce, consume_job, run_script"):
        compile_text(text, "m.yaml", callback_names(Callbacks), OUTCOMES)


def test_keys_that_act_are_those_that_the_program_reads() -> None:
    """Every callback that asks the orchestrator, and no other: the table follows the code."""
    sources = {name: inspect.getsource(getattr(Callbacks, name)) for name in callback_names(Callbacks)}
    asking = {name for name, source in sources.items() if "self.retries." in source}
    coding = {name for name, source in sources.items() if "event_for(" in source}

    # The heartbeats of `run_script` are sent by `Heartbeats`.
    assert asking | {"run_script"} == {name for name, keys in ACTING.items() if "retry" in keys}
    assert coding | {"run_script"} == {name for name, keys in ACTING.items() if "codes" in keys}
    assert "spec.pause_s" in inspect.getsource(Callbacks._consume_failed)


def test_many_mistakes_are_reported_in_one_go_in_the_order_of_the_file() -> None:
    """An author sees everything at once, from top to bottom."""
    text = (
        SMALL.replace("dest: B}", "dest: BB}")
        .replace("ignores: [rain]", "ignores: [rian]")
        .replace("failed: 5", "failed: 77")
    )

    found = mistakes(text)

    lines = [int(problem.split(":")[1]) for problem in found]
    assert lines == sorted(lines)
    assert {6, 9, 16} <= set(lines)


@pytest.mark.parametrize("name", ["Off", "No", "on", "Yes", "12:30", "1e", "нет", "a: b"])
def test_state_named_like_a_yaml_1_1_boolean_keeps_its_name(name: str) -> None:
    """A state called Off is called Off: plain words mean what they say."""
    quoted = json.dumps(name, ensure_ascii=False) if ":" in name else name
    definition = compile_text(
        SMALL.replace("name: C", f"name: {quoted}").replace("dest: C", f"dest: {quoted}"), "m.yaml"
    )

    assert [state.name for state in definition.states] == ["A", "B", name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 200_000, "nested deeper"),
        ("{a: " * 60_000, "nested deeper"),
        ("a: &a [b, *a]", "too large once its aliases are followed"),
        (
            "x: &a [1,1,1,1,1,1,1,1,1]\n"
            + "\n".join(f"y{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]" for n in range(9)),
            "aliases",
        ),
        ("", "is empty"),
        ("- a\n- b", "must be a mapping"),
        ("just words", "must be a mapping"),
        ("a: [1, 2", "is not YAML"),
        ("a: 'x", "is not YAML"),
        ("\ta: 1", "is not YAML"),
        ("a: b: c", "m.yaml:1:5: is not YAML"),
        ("x" * 300_000, "larger than"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("? [a]\n: b", "a key must be a plain word"),
        ("a: \x01", "is not YAML"),
    ],
    ids=[
        "deep list",
        "deep map",
        "alias loop",
        "billion laughs",
        "empty",
        "list",
        "word",
        "open list",
        "open quote",
        "tab",
        "nested value",
        "huge",
        "two documents",
        "complex key",
        "control character",
    ],
)
def test_hostile_text_when_compiled_gives_a_sentence_and_no_crash(text: str, expected: str) -> None:
    """Whatever the file holds, the answer is a sentence with a place."""
    found = mistakes(text)

    assert any(expected in problem for problem in found), found
    assert all(problem.startswith("m.yaml:") for problem in found)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_when_compiled_is_refused_or_accepted_but_never_crashes(text: str) -> None:
    """No text makes the compiler raise anything but its own error."""
    try:
        compile_text(text, "m.yaml")
    except DefinitionError as error:
        assert error.problems


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(list("{}[]:,-&*!|>'\"%@`#\n xA1")))
def test_mutated_file_never_crashes_the_compiler(states_yaml_text: str, position: int, length: int, char: str) -> None:
    """A slip of the keyboard in states.yaml gives problems, not a traceback."""
    start = position % len(states_yaml_text)
    text = states_yaml_text[:start] + char + states_yaml_text[start + length % 40 :]
    try:
        compile_text(text, "m.yaml")
    except DefinitionError as error:
        assert all(problem.startswith("m.yaml:") for problem in error.problems)


def test_definition_when_kept_as_json_comes_back_the_same(robot_definition: Definition) -> None:
    """The cached form of a machine is the machine."""
    kept = json.loads(json.dumps(robot_definition.to_values()))

    assert from_values(kept) == robot_definition


def test_digest_is_kept_with_the_compiled_form_and_belongs_to_that_machine_alone(
    tmp_path: Path, robot_definition: Definition
) -> None:
    """The second start need not make it; another machine made of that one has its own, and a changed one counts not."""
    kept = tmp_path / machine_file.CACHE_NAME

    machine.load(machine.built_in(), cache_directory=tmp_path)
    loaded = machine.load(machine.built_in(), cache_directory=tmp_path)
    told = json.loads(kept.read_text("utf-8"))

    assert told["digest"] == loaded.digest() == robot_definition.digest()
    assert attrs.evolve(loaded, transitions=loaded.transitions[1:]).digest() != loaded.digest()
    kept.write_text(json.dumps({**told, "digest": "0" * 64}), "utf-8")
    assert machine.load(machine.built_in(), cache_directory=tmp_path).digest() == robot_definition.digest()


def test_digest_when_only_the_looks_of_the_file_change_stays_the_same(states_yaml: str) -> None:
    """Comments and line breaks are not behaviour; a changed destination is."""
    names = callback_names(Callbacks)
    digest = compile_text(states_yaml, "a", names, OUTCOMES).digest()

    assert compile_text("# more\n\n" + states_yaml, "b", names, OUTCOMES).digest() == digest
    other = states_yaml.replace("aborted: 3 ", "aborted: 5 ", 1)
    assert compile_text(other, "c", names, OUTCOMES).digest() != digest


def test_states_yaml_and_the_program_name_the_same_callbacks(robot_definition: Definition) -> None:
    """No callback of the program is unused, none of the file is missing."""
    assert {spec.name for spec in robot_definition.callbacks} == set(callback_names(Callbacks))
    assert set(robot_definition.outcomes) == set(OUTCOMES)


def test_coverage_table_tells_of_every_event_in_every_state(robot_definition: Definition) -> None:
    """The table has a cell for each pair, and a waiting state has none that is empty for the inbox."""
    table = dict(coverage(robot_definition))

    assert set(table) == set(robot_definition.events())
    for event in robot_definition.inbox:
        for state in robot_definition.states:
            if robot_definition.waits(state):
                assert table[event][state.name], (event, state.name)
    assert table["stop_ordered"]["Aborting"] == "ignored"
    assert table["robot_forgotten"]["Working"] == "stays"
