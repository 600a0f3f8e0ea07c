"""Work that the workers of an executor do side by side, told in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Done = TypeVar("Done")


def in_order(executor: Executor, work: Callable[[Given], Done], given: Iterable[Given], most: int) -> Iterator[Done]:
    """Yield what `work` makes of each in their order; at most so many are under way, so that an early end comes soon.

    Args:
        executor: Its workers have to be able to import `work` and to read what it is given.
        work: What is done to each.
        given: Read on as work is done.
        most: How many are under way at once.
    """
    rest = iter(given)
    under_way = deque(executor.submit(work, each) for each in islice(rest, most))
    try:
        while under_way:
            done = under_way.popleft().result()
            under_way.extend(executor.submit(work, each) for each in islice(rest, 1))
            yield done
    finally:
        for future in under_way:
            future.cancel()
