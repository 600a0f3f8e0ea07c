from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.fakes import postgres

SECRET = "geheim-17"
NOWHERE = "127.0.0.1:1"
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize(
    ("db", "said"),
    [
        (f"postgresql://robots:{SECRET}@{NOWHERE}/x", "PGPASSWORD"),
        (f"postgresql://robots@{NOWHERE}/x?password={SECRET}", "PGPASSWORD"),
        (f"postgresql://robots:half/{SECRET}@{NOWHERE}/x", "PGPASSWORD"),
        (f"postgresql://robots@{NOWHERE}/x?p%61ssword={SECRET}", "PGPASSWORD"),
        (f"@postgresql://robots:{SECRET}@{NOWHERE}/x", f"postgresql://{NOWHERE}/x"),
        (f"@postgresql://robots:{SECRET}@:no port/x", "is not an address"),
        (f"@{SECRET}", "is not an address"),
        ("@", "cannot be read"),
        (f"postgres://{NOWHERE}/x", "cannot be used as the orchestrator's database"),
    ],
)
def test_address_that_leads_nowhere_is_told_in_a_sentence_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], db: str, said: str
) -> None:
    """A password in a command line is refused, one in a file is used; neither is shown."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    if len(db) > 1 and db.startswith("@"):
        (tmp_path / "address").write_text(db[1:], encoding="utf-8")
        db = f"@{tmp_path / 'address'}"

    assert main(["orchestrator", "jobs", "--db", db]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert SECRET not in err
    assert len(err.splitlines()) == 1


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody needs it who uses a file."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "fsm_robot.orchestrator.tables.postgres", raising=False)

    assert main(["orchestrator", "jobs", "--db", f"postgresql://{NOWHERE}/x"]) == 2

    assert "pip install 'fsm_robot[postgres]'" in capsys.readouterr().err


def test_commands_work_on_a_database_as_on_a_file(
    cluster: postgres.Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """And tables that are not ours are left alone."""
    import psycopg

    address = cluster.schema()
    assert main(["orchestrator", "enqueue", "отчёт", "--task", '{"a": 1}', "--db", address]) == 0
    guid = capsys.readouterr().out.strip()
    assert main(["orchestrator", "abort", guid[:8], "--db", address]) == 0
    assert main(["orchestrator", "jobs", "--db", address]) == 0
    assert "Aborted" in capsys.readouterr().out

    theirs = cluster.schema()
    with psycopg.connect(theirs) as db:
        db.execute("CREATE TABLE meta (something TEXT)")
    assert main(["orchestrator", "enqueue", "x", "--db", theirs]) == 2
    assert "were not made by" in capsys.readouterr().err


@pytest.mark.parametrize(
    "scheme", ["mysql", "sqlite", "POSTGRESQL", "Postgres", "postgresql+psycopg", "jdbc.x", "file"]
)
@pytest.mark.parametrize("rest", ["://h/x", ":///x.sqlite", ":/x"])
@pytest.mark.parametrize("action", ["serve", "jobs"])
def test_address_of_another_kind_is_no_name_of_a_file(
    scheme: str, rest: str, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be looked for, or made, below a folder called `mysql:`."""
    assert main(["orchestrator", action, "--db", f"{scheme}{rest}"]) == 2
    assert "is neither a file nor an address such as postgresql://" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1251", "KOI8R", "EUC_JP", "SQL_ASCII"])
def test_database_that_cannot_hold_every_text_is_refused(
    cluster: postgres.Cluster, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At its first use, and not at the first job whose name does not fit; nothing is made in it."""
    import psycopg

    name = f"in_{encoding.lower()}"
    with psycopg.connect(cluster.address(), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    address = cluster.address().replace("/postgres?", f"/{name}?")

    for action in (["enqueue", "отчёт 報告"], ["jobs"]):
        assert main(["orchestrator", *action, "--db", address]) == 2
        said = capsys.readouterr().err
        assert f"its encoding is {encoding}" in said
        assert len(said.splitlines()) == 1
    with psycopg.connect(address) as db:
        assert not db.execute("SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'").fetchall()


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1251", "SQL_ASCII", "UTF8"])
@pytest.mark.parametrize("place", ["address", "environment"])
def test_encoding_of_the_account_does_not_count(
    cluster: postgres.Cluster, encoding: str, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: Patch
) -> None:
    """What the terminal of a person needs is no reason to lose the name of a script."""
    address = cluster.schema()
    if place == "address":
        address += f"&client_encoding={encoding}"
    else:
        monkeypatch.setenv("PGCLIENTENCODING", encoding)

    assert main(["orchestrator", "enqueue", "отчёт 報告 é", "--db", address]) == 0
    capsys.readouterr()
    assert main(["orchestrator", "jobs", "--json", "--db", address]) == 0
    assert [job["script"] for job in json.loads(capsys.readouterr().out)] == ["отчёт 報告 é"]


@pytest.mark.parametrize("form", ["0", "1", "3", "-1", "2.0", "²", "٢", "", "x"])
def test_tables_of_another_form_are_refused_in_a_sentence(
    cluster: postgres.Cluster, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also those of a form before this one, which a file can have; they are left as they were."""
    import psycopg

    address = cluster.schema()
    with psycopg.connect(address) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("INSERT INTO meta VALUES ('form', %s)", (form,))

    assert main(["orchestrator", "jobs", "--db", address]) == 2

    said = capsys.readouterr().err
    assert "were not made by" in said
    assert len(said.splitlines()) == 1
    with psycopg.connect(address) as db:
        assert db.execute("SELECT value FROM meta").fetchall() == [(form,)]


def test_database_that_takes_nothing_is_told_of_before_it_is_served(
    cluster: postgres.Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """A standby, say: robots would be answered 500, one call after the other."""
    address = cluster.schema()
    assert main(["orchestrator", "enqueue", "x", "--db", address]) == 0
    reads = f"{address}%20-cdefault_transaction_read_only%3Don"

    assert main(["orchestrator", "serve", "--port", "0", "--db", reads]) == 2
    said = capsys.readouterr().err
    assert "read-only transaction" in said
    assert "LINE" not in said
