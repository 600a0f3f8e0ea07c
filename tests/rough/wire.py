"""What a server, a proxy or a front end can do to an answer, byte by byte."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
from collections.abc import Callable

import attrs

CALLS = ("announce", "consume", "claim", "beat", "report")
STALL_S = 7.0
"""Longer than the robot of a case waits for an answer."""


@attrs.frozen
class Call:
    """One request that has arrived: `act` does what it asks for and returns the answer."""

    connection: socket.socket
    what: str
    act: Callable[[], dict[str, object]]


@attrs.frozen
class Trick:
    """One way to answer.

    Attributes:
        play: Answers; returns whether the connection may go on.
        legible: Whether the answer is there, for who reads by the book: then nothing may be lost.
        acts: Whether what was asked for has been done.
        rejects: Whether it means that asking again would change nothing.
    """

    name: str
    play: Callable[[Call], bool]
    legible: bool = False
    acts: bool = False
    rejects: bool = False


def answer(value: object, *headers: str, status: str = "200 OK", charset: str = "utf-8") -> bytes:
    """Return a whole answer."""
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode(charset)
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(data)}")
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/json")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data


def _sends(data: bytes, *, keep: bool = True) -> Callable[[Call], bool]:
    def play(call: Call) -> bool:
        call.connection.sendall(data)
        return keep

    return play


def _acts(made: Callable[[dict[str, object]], bytes], *, keep: bool = True) -> Callable[[Call], bool]:
    def play(call: Call) -> bool:
        call.connection.sendall(made(call.act()))
        return keep

    return play


def _chunked(data: bytes, size: int, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
    return body + b"0\r\n" + trailer + b"\r\n"


def _in_chunks(size: int, extension: bytes = b"", trailer: bytes = b"") -> Callable[[dict[str, object]], bytes]:
    return lambda value: answer(
        _chunked(json.dumps(value).encode(), size, extension, trailer), "Transfer-Encoding: chunked"
    )


def _interim(*statuses: str) -> Callable[[Call], bool]:
    def play(call: Call) -> bool:
        for status in statuses:
            call.connection.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
            time.sleep(0.03)
        call.connection.sendall(answer(call.act()))
        return True

    return play


def _closes_soon(call: Call) -> bool:
    call.connection.sendall(answer(call.act()))
    time.sleep(0.03)
    return False


def _drips(call: Call) -> bool:
    data = answer(call.act())
    for start in range(0, len(data), 40):
        call.connection.sendall(data[start : start + 40])
        time.sleep(0.02)
    return True


def _resets(call: Call) -> bool:
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _acts_then_resets(call: Call) -> bool:
    call.act()
    return _resets(call)


def _stalls(call: Call) -> bool:
    time.sleep(STALL_S)
    return False


def _cut(value: dict[str, object]) -> bytes:
    whole = answer(value)
    return whole[:-7]


def _texts(value: dict[str, object]) -> dict[str, object]:
    return {**value, "ErrorText": "Всё в порядке, спасибо"}


_INSANE_DATE = "Fri, 01 Jan 99999999999 00:00:00 GMT"
_DEEP = b"[" * 100_000
_SECOND = answer({"HeartbeatErrorCode": 10, "ErrorText": "", "HasNewJob": 0, "ConsumeJobErrorCode": 102})
_LEGIBLE = {
    "interim 102": _interim("102 Processing"),
    "interim 103 twice": _interim("103 Early Hints", "103 Early Hints"),
    "interim 100": _interim("100 Continue"),
    "windows-1251": _acts(
        lambda value: answer(_texts(value), "Content-Type: application/json; charset=windows-1251", charset="cp1251")
    ),
    "undeclared 1251": _acts(lambda value: answer(_texts(value), charset="cp1251")),
    "bom": _acts(lambda value: answer(b"\xef\xbb\xbf\r\n" + json.dumps(value).encode())),
    "numbers as text": _acts(lambda value: answer({key: _as_text(each) for key, each in value.items()})),
    "keys spelled oddly": _acts(lambda value: answer({f" {key.upper()} ": each for key, each in value.items()})),
    "one byte chunks": _acts(_in_chunks(1)),
    "chunk extension and trailer": _acts(_in_chunks(64, b';name="v"', b"X-More: 1\r\n")),
    "no length": _acts(
        lambda value: answer(json.dumps(value).encode(), "Connection: close").replace(b"Content-Length", b"X-Was"),
        keep=False,
    ),
    "connection close": _acts(lambda value: answer(value, "Connection: close"), keep=False),
    "closes silently": _acts(answer, keep=False),
    "closes after 30 ms": _closes_soon,
    "drips": _drips,
    "a second answer behind": _acts(lambda value: answer(value) + _SECOND),
    "rest behind": _acts(lambda value: answer(value) + b"\0" * 40),
    "date beyond all": _acts(lambda value: answer(value, f"Date: {_INSANE_DATE}", f"Expires: {_INSANE_DATE}")),
    "retry-after on 200": _acts(lambda value: answer(value, f"Retry-After: {_INSANE_DATE}")),
    "many headers": _acts(lambda value: answer(value, *(f"X-{number}: y" for number in range(90)))),
    "http 1.0": _acts(lambda value: answer(value).replace(b"HTTP/1.1", b"HTTP/1.0", 1), keep=False),
    "no reason": _acts(lambda value: answer(value, status="200 ")),
    "201": _acts(lambda value: answer(value, status="201 Created")),
    "cookies": _acts(lambda value: answer(value, "Set-Cookie: a=b; HttpOnly", "Set-Cookie: c=d")),
    "gzip": _acts(lambda value: answer(gzip.compress(json.dumps(value).encode()), "Content-Encoding: gzip")),
}
_ILLEGIBLE = {
    "closes": lambda call: False,
    "resets": _resets,
    "stalls": _stalls,
    "garbage": _sends(bytes(range(256)) * 4, keep=False),
    "http 0.9": _sends(b'{"HeartbeatErrorCode": 0, "HasNewJob": 0}', keep=False),
    "half a head": _sends(b"HTTP/1.1 200 OK\r\nContent-Le", keep=False),
    "endless header": _sends(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, keep=False),
    "too many headers": _sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n", keep=False),
    "status 1000": _sends(b"HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n", keep=False),
    "status word": _sends(b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", keep=False),
    "negative chunk": _sends(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-ffff\r\n{}\r\n0\r\n\r\n", keep=False
    ),
    "huge chunk": _sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}", keep=False),
    "odd chunk": _sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", keep=False),
    "negative length": _sends(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", keep=False),
    "huge length": _sends(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}", keep=False),
    "length of a 400 digits": _sends(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}", keep=False),
    "500": _sends(answer(b"<h1>error</h1>", status="500 Internal Server Error")),
    "502 with a page": _sends(answer(b"<html>bad gateway</html>", "Content-Type: text/html", status="502 Bad Gateway")),
    "429": _sends(answer({}, "Retry-After: 0", status="429 Too Many Requests")),
    "429 until the year 99999999999": _sends(
        answer({}, f"Retry-After: {_INSANE_DATE}", status="429 Too Many Requests")
    ),
    "503 nan": _sends(answer({}, "Retry-After: nan", status="503 Service Unavailable")),
    "503 many digits": _sends(answer({}, "Retry-After: " + "9" * 5000, status="503 Service Unavailable")),
    "503 minus": _sends(answer({}, "Retry-After: -5", status="503 Service Unavailable")),
    "503 arabic": _sends(answer({}, "Retry-After: \xb2", status="503 Service Unavailable")),
    "date beyond all on 500": _sends(answer({}, f"Date: {_INSANE_DATE}", status="500 Error")),
    "407": _sends(answer({}, 'Proxy-Authenticate: Basic realm="x"', status="407 Proxy Authentication Required")),
}
_GARBLED = {
    "empty": _sends(answer(b"")),
    "login page": _sends(answer(b"<!doctype html><title>log in</title>", "Content-Type: text/html")),
    "array": _sends(answer([])),
    "deep": _sends(answer(_DEEP)),
    "400 digits": _sends(answer(b'{"HeartbeatErrorCode": ' + b"1" * 400 + b', "ConsumeJobErrorCode": 1e999}')),
    "5000 digits": _sends(answer(b'{"HeartbeatErrorCode": ' + b"1" * 5000 + b', "ConsumeJobErrorCode": 0}')),
    "lone surrogate": _sends(answer(b'{"ErrorText": "\\ud800", "HeartbeatErrorCode": 55, "ConsumeJobErrorCode": 55}')),
    "two megabytes": _sends(answer(b" " * (2 << 20))),
    "bad gzip": _sends(answer(b"\x1f\x8b\x08nothing", "Content-Encoding: gzip")),
    "unknown code": _sends(answer({"HeartbeatErrorCode": 77, "ConsumeJobErrorCode": 77, "HasNewJob": 5})),
}
_REJECTING = {
    "304": _sends(answer(b"", status="304 Not Modified")),
    "301 to https": _sends(answer(b"", "Location: https://127.0.0.1/", status="301 Moved Permanently")),
    "302 login": _sends(answer(b"", "Location: /login", status="302 Found")),
    "400": _sends(answer({}, status="400 Bad Request")),
    "409": _sends(answer({}, status="409 Conflict")),
}
_LOST = {"acts, then resets": _acts_then_resets, "acts, then cuts": _acts(_cut, keep=False)}
TRICKS = {
    name: Trick(name, play, **flags)
    for group, flags in (
        (_LEGIBLE, {"legible": True, "acts": True}),
        (_ILLEGIBLE, {}),
        (_GARBLED, {}),
        (_REJECTING, {"rejects": True}),
        (_LOST, {"acts": True}),
    )
    for name, play in group.items()
}
NOT_FOR_UPDATES = frozenset(_GARBLED)
"""To job/update any 2xx is a yes, so these would be legible there, and mean that nothing was done."""


def _as_text(value: object) -> object:
    return f" {value} " if isinstance(value, int) else value
