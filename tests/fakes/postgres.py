"""A PostgreSQL of the tests' own: a cluster on a free loopback port, run by an account that is not root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import attrs
import pytest

from tests.fakes.needed import missing
from tests.fakes.waiting import until

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian keeps its versions; they are not on the path."""
ACCOUNT = ("nobody", "nogroup")
# What makes a crash of the machine harmless costs most of the time, and the machine of a test does not crash.
SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "full_page_writes": "off"}


def programs() -> Path:
    """Return the folder of the youngest PostgreSQL here; skip without one, fail without one where CI=true."""
    if sys.platform == "win32":
        pytest.skip("PostgreSQL's server is not set up under Windows; its client is the same there")
    on_path = shutil.which("initdb")
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if on_path or found:
        return Path(on_path).parent if on_path else found[-1].parent
    return missing("PostgreSQL is not installed")


@attrs.define
class Cluster:
    """A running server of databases.

    Attributes:
        folder: What it keeps.
        port: Where it listens.
        settings: Further ones of `postgresql.conf`.
    """

    folder: Path
    port: int = 0
    settings: dict[str, str] = attrs.field(factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _schemas: int = 0

    def address(self, schema: str = "public", user: str = "robots", more: str = "") -> str:
        """Return the address of its database, and of one schema in it."""
        options = quote(f"-csearch_path={schema}", safe="")
        return f"postgresql://{user}@127.0.0.1:{self.port}/postgres?options={options}{more}"

    def schema(self) -> str:
        """Return the address of a schema that is new and empty."""
        import psycopg

        self._schemas += 1
        name = f"t{self._schemas}"
        with psycopg.connect(self.address(), autocommit=True) as db:
            db.execute(f"CREATE SCHEMA {name}")
        return self.address(name)

    def make(self) -> None:
        """Make its folder; PostgreSQL refuses root."""
        command = [
            str(programs() / "initdb"),
            "-D",
            str(self.folder),
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "robots",
            "-E",
            "UTF8",
        ]
        subprocess.run([*_become(), *command, "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        """Listen from now on, at the same port as before."""
        self.port = self.port or _free_port()
        given = [f"-c{name}={value}" for name, value in {**SETTINGS, **self.settings, "port": str(self.port)}.items()]
        command = [*_become(), str(programs() / "postgres"), "-D", str(self.folder), *given]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        until(self._answers, "a PostgreSQL that answers")

    def crash(self) -> None:
        """End it without a word to anybody, and without writing anything more."""
        if sys.platform != "win32" and self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def _answers(self) -> bool:
        import psycopg

        assert self._process is not None
        assert self._process.poll() is None, "PostgreSQL has ended"
        try:
            psycopg.connect(self.address(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running(**settings: str) -> Iterator[Cluster]:
    """Run a cluster of one's own until the block ends."""
    home = Path(tempfile.mkdtemp(prefix="fsm-robot-postgres-"))
    cluster = Cluster(home / "cluster", settings=settings)
    try:
        if _become():
            shutil.chown(home, *ACCOUNT)
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        cluster.crash()  # nobody will read it again
        shutil.rmtree(home, ignore_errors=True)


def _become() -> list[str]:
    user, group = ACCOUNT
    if sys.platform == "win32" or os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
