"""Is rough to the job API in one way (`does`), and then asks as it should: that has to be answered."""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time

import mark

from fsm_robot.sdk import SdkError, UnavailableError, queue

mark.began()
with open(os.environ["FSM_ROBOT_JOB"], encoding="utf-8") as stream:
    API = json.load(stream)["api"]
TAKE = {"ask": "job", "token": API["token"], "protocol": API["protocol"], "op": "task.take", "with": {"queue": "Q"}}
chance = random.Random(mark.GUID)
kept: list[socket.socket] = []


def connected():
    end = socket.socket(socket.AF_UNIX)
    end.settimeout(20)
    end.connect(API["address"])
    return end


def sent(data, *, keep=False, answer=False):
    """Send bytes on a connection of their own, and return what comes back until the other end closes."""
    end, said = connected(), b""
    try:
        end.sendall(data)
        if keep:
            kept.append(end)
            return said
        if answer:
            end.shutdown(socket.SHUT_WR)
            while True:
                piece = end.recv(65536)
                if not piece:
                    break
                said += piece
    except OSError:
        pass  # it has seen enough
    end.close()
    return said


def settled(task):
    """Give a task one of the ends."""
    if task is not None:
        mark.note("took", task.name)
        task.done("done") if chance.random() < 0.5 else task.fail("failed")


def garbage():
    for size in (1, 10, 1000, 100000):
        sent(bytes(chance.randrange(256) for _ in range(size)), answer=chance.random() < 0.5)
    for text in ("[]", "null", "1e999", "[" * 50000, '{"ask": "job"}', '{"ask": ["job"]}', "\x00" * 100, "{}"):
        sent(text.encode() + b"\n", answer=True)
    requests: tuple[dict[str, object], ...] = (
        {"op": 7},
        {"with": []},
        {"op": "task.end", "with": {}},
        {"op": "task.take", "with": {"x": 1}},
    )
    for more in requests:
        sent(json.dumps({**TAKE, **more}).encode() + b"\n", answer=True)


def half_requests():
    data = json.dumps(TAKE).encode()
    for cut in (1, 5, len(data) // 2, len(data)):
        sent(data[:cut])
        sent(data[:cut], keep=True)


def giant_requests():
    sent(b"a" * (3 << 20), answer=True)
    sent(b'{"token": "' + b"a" * (3 << 20) + b'"}\n', answer=True)
    try:
        queue("Q").add_many([{"name": "x" * 100000} for _ in range(30)])
    except SdkError:
        mark.note("refused")


def wrong_tokens():
    for token in (
        "",
        "0" * 32,
        None,
        7,
        [API["token"]],
        API["token"][:-1],
        API["token"] + "0",
        API["token"].upper() + " ",
    ):
        said = sent(json.dumps({**TAKE, "token": token}).encode() + b"\n", answer=True)
        if b'"result"' in said:
            mark.note("taken", "by", "a", "wrong", "token")
    print("the token is", API["token"])
    mark.note("token", API["token"])


def hundred_connections():
    for _ in range(100):
        try:
            kept.append(connected())
        except OSError:
            break
    mark.note("connections", len(kept))
    while kept:
        kept.pop().close()


def forks():
    going = threading.Event()

    def asks():
        while not going.is_set():
            try:
                settled(queue("Q").take())
            except SdkError:
                pass

    thread = threading.Thread(target=asks, daemon=True)  # a stop ends the main thread only
    thread.start()
    try:
        for _ in range(6):
            time.sleep(chance.random() * 0.05)
            pid = os.fork()
            if pid == 0:
                try:
                    settled(queue("Q").take())
                except BaseException:  # noqa: BLE001 - a child goes nowhere but out
                    pass
                os._exit(0)
            os.waitpid(pid, 0)
    finally:
        going.set()
    thread.join()


def child_keeps():
    settled(queue("Q").take())  # so that there is a connection
    if os.fork() == 0:
        os.setsid()
        while not mark.over():
            try:
                queue("Q").take()
            except SdkError:
                time.sleep(0.01)
            time.sleep(0.02)
        os._exit(0)


def sends_and_leaves():
    for _ in range(3):
        sent(json.dumps(TAKE).encode() + b"\n", keep=True)


def answered():
    """Ask as one should, a while: it may be that the robot has not yet seen that the hundred have gone."""
    for _ in range(50):
        try:
            return settled(queue("Q").take()) or True
        except UnavailableError:
            time.sleep(0.1)
        except SdkError as error:
            mark.note("not", "asked", type(error).__name__)
            return False
    return False


try:
    globals()[mark.VALUES["does"]]()
    if answered():
        mark.note("answered")
except OSError as error:
    mark.note("trouble", error.errno)
sys.stdout.flush()
os._exit(0) if mark.VALUES["does"] == "sends_and_leaves" else sys.exit(0)
