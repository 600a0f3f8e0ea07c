from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.worker.output import BLOCK_BYTES, LONGEST_TAIL_BYTES, PREVIEW_NAME, Output, _Ring
from tests.fakes.waiting import GUID, until

PATIENCE_S = 20.0


def written(path: Path, limit_bytes: int, *pieces: bytes) -> tuple[bytes, Output]:
    """Return what is kept of `pieces`, which a script prints."""
    output = Output(path / "output.log", limit_bytes, Redactor.for_guid(GUID))
    writer = output.open()
    with open(writer, "wb", buffering=0, closefd=False) as stream:
        for piece in pieces:
            assert stream.write(piece) == len(piece)  # a blocking pipe takes it whole
    output.finish(PATIENCE_S)
    return (path / "output.log").read_bytes(), output


def test_output_is_kept_byte_for_byte_when_it_is_short(tmp_path: Path) -> None:
    """Any encoding, no newline added, no byte changed."""
    text = "привет".encode("cp1251") + b"\x00\xff\r\n" + "мир".encode("cp866")

    kept, output = written(tmp_path, 1 << 20, text[:5], text[5:])

    assert kept == text
    assert output.problem == ""


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 1500, 1999, 2000])
def test_output_is_whole_up_to_its_limit(tmp_path: Path, size: int) -> None:
    """Head and tail meet without a seam."""
    text = bytes(random.Random(size).choices(b"abc\n", k=size))

    assert written(tmp_path, 2000, text)[0] == text


@pytest.mark.parametrize("left", [0, 1, 8, 15, 16, 17])
@pytest.mark.parametrize("limit_bytes", [1 << 20, BLOCK_BYTES])
def test_end_is_found_when_it_falls_on_the_border_of_two_blocks(tmp_path: Path, left: int, limit_bytes: int) -> None:
    """However few bytes of the mark fit into the block: none of it is kept, and nothing before it is lost."""
    text = random.Random(left).randbytes(BLOCK_BYTES - left)

    assert written(tmp_path, limit_bytes, text)[0] == text


@pytest.mark.parametrize("size", [1, 1000, BLOCK_BYTES, 3 * BLOCK_BYTES + 1])
def test_ring_holds_the_last_bytes_whatever_the_reads(size: int) -> None:
    """Like a slice of everything that was read, also when some of it is taken back."""
    chance, ring, read = random.Random(size), _Ring(size), b""
    for _ in range(60):
        room = ring.room()
        piece = chance.randbytes(min(len(room), chance.choice([1, 100, BLOCK_BYTES // 2, BLOCK_BYTES])))
        room[: len(piece)] = piece
        ring.add(len(piece))
        read = (read + piece)[-5 * BLOCK_BYTES :]
        for count in (1, size // 2, size):
            assert ring.last(count) == (read[-count:] if count else b"")
    piece_back = min(20, size)
    expected = read[-size:][:-piece_back]

    ring.take_back(piece_back)

    assert ring.last(size - piece_back) == expected


def test_head_and_tail_are_kept_when_the_output_is_longer(tmp_path: Path) -> None:
    """Between them a line tells how many bytes are missing; the tail begins with a whole line."""
    lines = [b"line %05d\n" % number for number in range(1000)]

    kept, _ = written(tmp_path, 2000, *lines)

    head, gap, tail = kept.partition(b"\n[\xe2\x80\xa6 ")
    missing = int(gap and tail.split()[0])
    tail = tail.partition(b"\n")[2]
    assert b"".join(lines).startswith(head)
    assert tail.endswith(lines[-1])
    assert tail.startswith(b"line ")
    assert len(head) + missing + len(tail) == sum(map(len, lines))
    assert len(kept) < 2200


def test_secret_is_not_written_wherever_the_pieces_are_cut(tmp_path: Path) -> None:
    """Head, seam and tail; plain and in upper case."""
    secret = GUID.encode()
    text = b"x" * 480 + secret + b"y" * 470 + secret.upper() + b"z" * 5000 + secret

    for cut in range(480, 530, 7):
        kept, _ = written(tmp_path, 2000, text[:cut], text[cut:])
        for start in range(len(secret) - 8):
            assert secret[start : start + 8].lower() not in kept.lower()


def test_piece_of_a_secret_is_not_written_when_the_tail_begins_inside_it(tmp_path: Path) -> None:
    """A secret that the ring has cut in two is not recognised any more, so the cut line is left out."""
    for offset in range(40):
        filler = b"q" * (1000 - 20 - offset)
        kept, _ = written(tmp_path, 2000, b"h" * 5000, GUID.encode(), b"\n", filler)
        assert not any(GUID[start : start + 6].encode() in kept for start in range(len(GUID) - 6))


def test_output_of_a_process_that_holds_the_pipe_does_not_delay_the_end(tmp_path: Path) -> None:
    """Somebody else keeps the writing end open for ever: the file is completed all the same."""
    output = Output(tmp_path / "output.log", 1000, Redactor())
    holder = os.dup(output.open())
    os.write(holder, b"last words")

    output.finish(PATIENCE_S)
    os.close(holder)

    assert (tmp_path / "output.log").read_bytes() == b"last words"


def test_tail_is_shown_beside_the_file_when_a_flood_goes_quiet(tmp_path: Path) -> None:
    """A person who looks at a hanging script sees its last line, and not the secret in it."""
    output = Output(tmp_path / "output.log", 2000, Redactor.for_guid(GUID))
    writer = output.open()
    os.write(writer, b"x\n" * 3000 + b"waiting for " + GUID.encode() + b"\n")

    until(lambda: (tmp_path / PREVIEW_NAME).exists() and (tmp_path / PREVIEW_NAME).read_bytes().endswith(b"***\n"))
    output.finish(PATIENCE_S)

    assert not (tmp_path / PREVIEW_NAME).exists()
    assert (tmp_path / "output.log").read_bytes().endswith(b"waiting for ***\n")


def test_script_is_not_blocked_when_the_file_cannot_be_written(tmp_path: Path) -> None:
    """The pipe is emptied all the same, and the reason is told."""
    output = Output(tmp_path / "output.log", 1 << 20, Redactor())
    writer = output.open()
    assert output._head is not None
    output._head.file.close()
    output._head.file = (tmp_path / "output.log").open("rb", buffering=0)

    for _ in range(64):
        os.write(writer, b"x" * 65536)
    output.finish(PATIENCE_S)

    assert "not kept" in output.problem


def test_last_line_is_the_last_that_says_something(tmp_path: Path) -> None:
    """Blank lines at the end do not hide the error."""
    _, output = written(tmp_path, 1000, b"first\nKeyError: 'iban'\n\n  \n")

    assert output.last_line() == "KeyError: 'iban'"


def test_memory_of_the_tail_is_bounded_whatever_the_limit() -> None:
    """A generous limit on disk is no generous limit in memory."""
    output = Output(Path("never opened"), 1 << 30, Redactor())

    assert output._ring.size == LONGEST_TAIL_BYTES
