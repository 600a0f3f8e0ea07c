"""What a running robot answers to other processes of its account: `post` and `status`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

import attrs

from fsm_robot.engine.inbox import QueueInbox
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.ports import Posted
from fsm_robot.errors import ChannelError

WRITTEN_WITHIN_S = 25.0
"""How long who posts waits for the record: the robot may be in the middle of a callback."""


@attrs.define(eq=False, repr=False)
class Asked:
    """What a running robot answers on its channel.

    Attributes:
        definition: Its machine, which says what may be posted.
        inbox: Gets what is posted.
        now: Tells what it does now.
    """

    definition: Definition
    inbox: QueueInbox
    now: Callable[[], Mapping[str, object]]
    _over: bool = False
    _waiting: list[threading.Event] = attrs.field(factory=list)

    def end(self) -> None:
        """Let go whoever waits for the record of an event that no state will take any more."""
        self._over = True
        for written in tuple(self._waiting):
            written.set()

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """Answer one request. Raises `ChannelError`."""
        if request.get("ask") == "post":
            return self._post(request.get("event"), request.get("data", {}))
        if request.get("ask") == "status":
            return {"machine": self.definition.name, "pid": os.getpid(), **self.now()}
        raise ChannelError(f"this robot does not know the request {request.get('ask')!r}", 2)

    def _post(self, event: object, data: object) -> Mapping[str, object]:
        if not isinstance(event, str) or event not in self.definition.posted:
            opened = ", ".join(self.definition.posted) or "no event"
            raise ChannelError(f"the machine file opens {opened} to `post`, not {event!r}; see `posted`", 2)
        if not isinstance(data, dict):
            raise ChannelError("the data of an event are a JSON object", 2)
        written = threading.Event()
        steps: list[tuple[Step, str]] = []

        def remember(step: Step, problem: str) -> None:
            steps.append((step, problem))
            written.set()

        # Before it is asked whether all is over: whoever waits is woken by `end`, or sees that it came first.
        self._waiting.append(written)
        self.inbox.post(Posted(event, data, written=remember))
        in_time = self._over or written.wait(WRITTEN_WITHIN_S)
        self._waiting.remove(written)
        if in_time and not steps:
            raise ChannelError(f"the robot has ended before a state took {event}; nothing was kept")
        if not in_time:
            raise ChannelError(
                f"{event} waits, the robot is busy in {self.now().get('state')}; it comes up when a state waits next"
            )
        step, problem = steps[0]
        if problem:
            raise ChannelError(problem)
        return {"event": event, "kind": step.kind, "source": step.source, "dest": step.dest, "seq": step.seq}
