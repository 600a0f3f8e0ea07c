"""A long table is a dictionary of texts, whose memory does not grow."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from random import Random

import pytest

from fsm_robot.system.long_table import MOST_IN_MEMORY, LongTable

TEXTS = ("", "сводка", 'a"b', "\ud83d", "\ud83d\ude00", "\x00\n", "run 1")


@pytest.mark.parametrize("most", [1, 2, 7, 1000])
def test_it_holds_what_a_dictionary_holds_in_the_same_order(most: int) -> None:
    """Whatever is entered, asked for and gone through in between, before and after it is written down."""
    chance, true = Random(most), dict[str, str]()
    with LongTable(most) as table:
        for _ in range(2000):
            name, text = f"{chance.choice(TEXTS)}{chance.randrange(60)}", chance.choice(TEXTS)
            assert table.get(name) == true.get(name)
            table[name] = true[name] = text
            if chance.random() < 0.02:
                assert list(table.items()) == list(true.items())


def test_memory_does_not_grow_with_the_entries() -> None:
    """Ten times as many take what the first ones took."""
    peaks = []
    for many in (MOST_IN_MEMORY, 10 * MOST_IN_MEMORY):
        tracemalloc.start()
        with LongTable() as table:
            for number in range(many):
                table[f"job {number:036}"] = ""
            assert sum(1 for _ in table.items()) == many
            peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are those of POSIX")
def test_a_file_that_cannot_be_written_is_said_in_one_sentence() -> None:
    """The disk of the temporary files is full: an error of the robot, not one of SQLite."""
    told = subprocess.run([sys.executable, "-c", NO_ROOM], capture_output=True, text=True, check=False)

    assert told.stdout.startswith("a temporary file cannot be written: "), told.stderr
    assert told.stdout.endswith("; give the folder for temporary files more space\n")


NO_ROOM = """
import resource
from fsm_robot.errors import RobotError
from fsm_robot.system.long_table import LongTable
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    with LongTable() as table:
        for number in range(200_000):
            table[f"job {number:036}"] = ""
except RobotError as error:
    print(error)
"""
