"""What happens at a moment of a robot's life."""

from __future__ import annotations

from collections.abc import Callable

import attrs


@attrs.frozen(eq=False)
class Moment:
    """Something to do, so long after the robot was started or, where `announced` says so, has been heard of."""

    after_s: float
    do: Callable[[], None]
    announced: bool = True
