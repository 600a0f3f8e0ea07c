from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.fakes import postgres

SECRET = "geheim-17"
NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("db", "said"),
    [
        (f"postgresql://robots:{SECRET}@{NOWHERE}/x", "PGPASSWORD"),
        (f"postgresql://robots@{NOWHERE}/x?password={SECRET}", "PGPASSWORD"),
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
