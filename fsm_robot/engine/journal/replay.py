"""A journal and a machine -> would the machine decide the same again? Pure, no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import Reading, Record, RecordedStep
from fsm_robot.engine.machine.core import Engine, Position, RobotMachine, Step, engine_for
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import UnexpectedEventError

Judgement = Literal["identical", "compatible", "divergent", "damaged"]
"""Every step is decided the same; the same by the names of `renamed:`; another way; the file is not a whole journal."""

MOST_PLACES = 10_000


@attrs.frozen
class Decision:
    """What an event leads to, in words of the machine at hand."""

    kind: str
    dest: str
    callback: str = ""
    exit_code: int | None = None
    transition: str = ""

    def told(self) -> str:
        """Return the decision as words."""
        if self.kind == "ignored":
            return f"is ignored in {self.dest}"
        if self.kind == "late":
            return "comes too late and changes nothing"
        if self.kind == "stayed":
            return f"stays in {self.dest}, no callback"
        ends = "" if self.exit_code is None else f", the run ends with exit code {self.exit_code}"
        return f"goes to {self.dest}, {f'calls {self.callback}' if self.callback else 'no callback'}{ends}"


@attrs.frozen
class Divergence:
    """The first place where the machine decides otherwise.

    Attributes:
        seq: Sequence number of the step.
        journal_line: Line of its record in the journal.
        machine_line: Line in the machine file that decides it now: the transition, or else the state.
        state: State in which the event came, in the names of the machine.
        event: The event, in the names of the machine; empty where there is none.
        expected: What the journal says.
        actual: What the machine says; None where it has no answer.
        sentence: What is wrong.
        allowed: Events that lead somewhere in `state`.
        advice: What to change, in either file.
    """

    seq: int
    journal_line: int
    machine_line: int
    state: str
    event: str
    expected: Decision | None
    actual: Decision | None
    sentence: str
    allowed: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def recorded(self) -> str:
        """What the journal says, in words."""
        return "" if self.expected is None else self.expected.told()

    @property
    def now(self) -> str:
        """What the machine says, in words."""
        return self.sentence if self.actual is None else self.actual.told()


@attrs.frozen
class Verdict:
    """How a replay went.

    Attributes:
        judgement: See `Judgement`.
        steps: Steps that were decided alike.
        divergence: Where it is divergent.
        renamed: Old name -> new name, for the names of `renamed:` that the journal uses.
        remarks: What a reader must know besides: a torn tail, a run that was cut, another machine file.
    """

    judgement: Judgement
    steps: int
    divergence: Divergence | None = None
    renamed: Mapping[str, str] = attrs.field(factory=dict)
    remarks: tuple[str, ...] = ()


@attrs.define(eq=False)
class _Place:
    """A position of a machine, and what it has decided there: the step, and the place it led to."""

    position: Position
    decided: dict[str, tuple[Step, _Place]] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Decisions:
    """What a machine decides: it is asked once for each position and event, and what it said holds for all journals."""

    definition: Definition
    engine: Engine = attrs.field(default=attrs.Factory(lambda self: engine_for(self.definition), takes_self=True))
    _places: dict[Position, _Place] = attrs.field(factory=dict)

    def at(self, position: Position) -> _Place:
        """Return the place of a position; a machine that counts to a million does not fill the memory."""
        found = self._places.get(position)
        if found is None:
            found = _Place(position)
            if len(self._places) < MOST_PLACES:
                self._places[position] = found
        return found


def replay(reading: Reading, definition: Definition, decisions: Decisions | None = None) -> Verdict:
    """Drive a machine from the records of one run and compare every decision; `decisions` are kept from run to run."""
    records = reading.records
    if not records or records[0].kind != "header":
        what = reading.wrong or ("it is empty" if not records else "it does not begin with a header")
        return Verdict("damaged", 0, remarks=(f"this is not a journal: {what}",))
    run = _Replay(definition, decisions or Decisions(definition))
    divergence = run.through(reading)
    remarks = tuple(_remarks(reading, definition))
    if divergence is not None:
        return Verdict("divergent", run.steps, divergence, run.used, remarks)
    if reading.damage == "changed":
        return Verdict("damaged", run.steps, None, run.used, remarks)
    return Verdict("compatible" if run.used else "identical", run.steps, None, run.used, remarks)


@attrs.define
class _Replay:
    """One replay under way. `place` is where the machine would be, which is moved there when it is asked."""

    definition: Definition
    decisions: Decisions
    place: _Place | None = None
    steps: int = 0
    used: dict[str, str] = attrs.field(factory=dict)
    exit_code: int | None = None
    events: dict[str, Event] = attrs.field(factory=dict)

    def through(self, reading: Reading) -> Divergence | None:
        machine = RobotMachine(self.definition, self.decisions.engine)
        end_line = 0
        for number, record in enumerate(reading.records[1:], start=2):
            if record.kind == "step" and not end_line:
                if self._as_before(record):
                    continue
                self._go(machine)
                found = self._step(machine, record.step, number)
                if found is not None:
                    return found
                continue
            self._go(machine)
            if record.kind == "end" and not end_line:
                end_line = number
                found = self._end(machine, record, number)
                if found is not None:
                    return found
            else:
                sentence = f"line {number} is a {record.kind} record, and the run had ended in line {end_line}"
                if not end_line:
                    sentence = f"line {number} is a second header"
                return self._stray(machine, number, sentence)
        return None

    def _as_before(self, record: Record) -> bool:
        """Return whether a record says what the machine has decided here before, and go on to where that led."""
        known = self.place.decided.get(record.event_name) if self.place is not None else None
        if known is None or not record.tells_of(known[0], self.steps):
            return False
        step, self.place = known
        self.exit_code = step.exit_code
        self.steps += 1
        return True

    def _go(self, machine: RobotMachine) -> None:
        if self.place is not None:
            machine.position = self.place.position

    def _step(self, machine: RobotMachine, recorded: RecordedStep, line: int) -> Divergence | None:
        if self.definition.renamed:
            recorded = self._in_new_names(recorded)
        if recorded.seq != self.steps:
            sentence = f"the record is step {recorded.seq}, and step {self.steps} is missing"
            return self._stray(machine, line, sentence)
        if not self.steps:
            step = machine.start()
        elif machine.finished:
            sentence = f"the run had ended in {machine.state}, and the journal goes on with {recorded.event.name!r}"
            return self._diverges(machine, recorded, line, None, sentence)
        else:
            event = self._event(recorded.event.name)
            # Which job was in hand the machine never knows, so that an event came too late is taken from the journal.
            if recorded.kind == "late" and recorded.event.job_run is not None:
                step = machine.late(event)
            else:
                state = machine.state
                try:
                    step = machine.handle(event)
                except UnexpectedEventError:
                    return self._unexpected(machine, recorded, line, state)
        if not _same(step, recorded):
            return self._otherwise(machine, recorded, line, step)
        self._remember(machine, step)
        self.steps += 1
        self.exit_code = step.exit_code
        return None

    def _remember(self, machine: RobotMachine, step: Step) -> None:
        before, self.place = self.place, self.decisions.at(machine.position)
        # An event that is late for one job is not for the next, and old names have to be counted each time.
        if before is not None and step.kind != "late" and not self.definition.renamed:
            before.decided[step.event.name] = step, self.place

    def _event(self, name: str) -> Event:
        """Return the event of that name; the machine decides by the name alone, so one of each is enough."""
        event = self.events.get(name)
        if event is None:
            event = self.events[name] = Event(name)
        return event

    def _end(self, machine: RobotMachine, end: Record, line: int) -> Divergence | None:
        if self.steps and end.values.get("crash"):
            return None  # it was not the machine that ended this run
        if not self.steps or not machine.finished:
            sentence = f"the journal ends here, and the machine would go on: {machine.state} is not final"
            return self._stray(machine, line, sentence)
        if end.exit_code != (self.exit_code or 0):
            sentence = f"the journal ends with exit code {end.exit_code}, the machine with {self.exit_code or 0}"
            return self._stray(machine, line, sentence)
        return None

    def _in_new_names(self, recorded: RecordedStep) -> RecordedStep:
        """Return a step in the names of the machine file."""
        renamed = self.definition.renamed
        old = (recorded.event.name, recorded.source, recorded.dest, recorded.callback)
        if not any(name in renamed for name in old):
            return recorded
        self.used.update({name: renamed[name] for name in old if name in renamed})
        name, source, dest, callback = (renamed.get(name, name) for name in old)
        spent = "(spent)" if "(spent)-->" in recorded.transition else ""
        transition = f"{source}--{name}{spent}-->{dest}" if recorded.transition else ""
        event = attrs.evolve(recorded.event, name=name)
        return recorded._replace(event=event, source=source, dest=dest, callback=callback, transition=transition)

    def _unexpected(self, machine: RobotMachine, recorded: RecordedStep, line: int, state: str) -> Divergence:
        event = recorded.event.name
        allowed = machine.allowed()
        sentence = f"{state} neither handles nor ignores the event {event!r}{did_you_mean(event, allowed)}"
        found = self._diverges(machine, recorded, line, None, sentence)
        wanted = f"{{trigger: {event}, source: {state}, dest: {recorded.dest}}}"
        advice = [f"if {state} should handle it: add `- {wanted}` to `transitions`"]
        if event not in self.definition.events():
            advice.append(
                f"if the event only has a new name: add `renamed: {{{event}: its new name}}` to the machine file"
            )
        return attrs.evolve(found, advice=(*advice, _RECORD_ANEW))

    def _otherwise(self, machine: RobotMachine, recorded: RecordedStep, line: int, step: Step) -> Divergence:
        expected, actual = _decision(recorded), _decision(step)
        event = recorded.event.name
        sentence = (
            f"{event!r} in {step.source or 'the start'} {expected.told()} in the journal, but {actual.told()} now"
        )
        if expected.told() == actual.told():
            sentence = f"{event!r} in {step.source} is taken by {expected.transition}, but by {actual.transition} now"
        found = self._diverges(machine, recorded, line, step, sentence)
        return attrs.evolve(found, advice=(*self._advice(expected, actual, found.machine_line), _RECORD_ANEW))

    def _advice(self, expected: Decision, actual: Decision, machine_line: int) -> list[str]:
        states = [state.name for state in self.definition.states]
        if expected.dest not in states:
            near = did_you_mean(expected.dest, states)
            return [
                f"the machine has no state {expected.dest!r}{near}",
                f"if it only has a new name: add `renamed: {{{expected.dest}: {actual.dest}}}` to the machine file",
            ]
        if expected.dest != actual.dest and machine_line:
            return [f"if this is a mistake: write `dest: {expected.dest}` in line {machine_line} of the machine file"]
        if expected.callback != actual.callback:
            new = actual.callback or "the new name"
            return [
                f"if this is a mistake: write `on_enter: {expected.callback}` at the state {expected.dest}",
                f"if it only has a new name: add `renamed: {{{expected.callback}: {new}}}` to the machine file",
            ]
        if expected.exit_code != actual.exit_code:
            return [f"if this is a mistake: write `exit_code: {expected.exit_code}` in line {machine_line}"]
        if expected.kind != actual.kind:
            return [f"if this is a mistake: the journal says that the event {expected.told()}"]
        return [f"if this is a mistake: fix the budget (`at_most`, `progress`) of {actual.transition}"]

    def _diverges(
        self, machine: RobotMachine, recorded: RecordedStep, line: int, step: Step | None, sentence: str
    ) -> Divergence:
        state = step.source if step is not None and step.source else machine.state
        return Divergence(
            seq=recorded.seq,
            journal_line=line,
            machine_line=self._machine_line(step, state),
            state=state,
            event=recorded.event.name,
            expected=_decision(recorded),
            actual=None if step is None else _decision(step),
            sentence=sentence,
            allowed=tuple(dict.fromkeys(edge.trigger for edge in self.definition.transitions_from(state))),
        )

    def _stray(self, machine: RobotMachine, line: int, sentence: str) -> Divergence:
        line_there = self._machine_line(None, machine.state)
        allowed = machine.allowed()
        return Divergence(self.steps, line, line_there, machine.state, "", None, None, sentence, allowed)

    def _machine_line(self, step: Step | None, state: str) -> int:
        if step is not None and step.transition:
            return next(edge.line for edge in self.definition.transitions if edge.key == step.transition)
        return self.definition.state(state).line


_RECORD_ANEW = "if the change is meant: this journal tells of the old machine; record it anew or leave it out"


def _same(step: Step, recorded: RecordedStep) -> bool:
    # Not whole steps: what an event tells, and where it came from, is what happened and not what was decided.
    return (
        step.dest == recorded.dest
        and step.kind == recorded.kind
        and step.source == recorded.source
        and step.callback == recorded.callback
        and step.transition == recorded.transition
        and step.exit_code == recorded.exit_code
        and step.event.name == recorded.event.name
    )


def _decision(step: Step | RecordedStep) -> Decision:
    return Decision(step.kind, step.dest, step.callback, step.exit_code, step.transition)


def _remarks(reading: Reading, definition: Definition) -> Sequence[str]:
    header = reading.records[0].header
    remarks = []
    if header.get("machine") not in (None, definition.name):
        remarks.append(f"the run was made with the machine {header['machine']!r}, this one is {definition.name!r}")
    elif header.get("machine_sha256") not in (None, definition.digest()):
        remarks.append("the machine file is not the one that the run was made with")
    if reading.cr_lf:
        remarks.append(
            "its lines end in CR LF, as git writes them on Windows; `*.jsonl -text` in .gitattributes prevents it"
        )
    if reading.damage == "torn":
        remarks.append(f"{reading.wrong}, as a power loss leaves it; the lines before it were judged")
    elif reading.damage == "changed":
        remarks.append(f"{reading.wrong}; only the lines before it were judged")
    elif crash := crash_in(reading.records):
        remarks.append(f"the run crashed: {crash}")
    elif reading.records[-1].kind != "end" and reading.records[-1].values.get("exit_code") is None:
        remarks.append("the run has no end: the robot died, or still runs")
    return remarks
