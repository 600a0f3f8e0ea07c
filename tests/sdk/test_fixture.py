"""The pytest fixtures for scripts: what users test their own scripts with."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

INVOICES = """
from fsm_robot.sdk import BusinessError, asset, credential, log, queue, storage

limit = asset("Invoice limit").number
login, password = credential("ERP")
for task in queue("Invoices").tasks(tags="pdf"):
    with task, log.fields(invoice=task.name):
        pdf = storage("Invoices in").download(task["file"])
        total = int(pdf.read_text())
        if total > limit:
            raise BusinessError(f"{total} is above {limit}", code="LIMIT")
        storage("Booked").upload(pdf, f"{task.name}.pdf")
        task.done("booked")
"""
TESTS = """
import pytest
from fsm_robot.sdk import queue

pytest_plugins = ["fsm_robot.testing.plugin"]


def test_a_large_invoice_is_a_business_failure(sdk, run_script):
    sdk.asset("Invoice limit", "1000")
    sdk.credential("ERP", "robot", "s3cret-word")
    sdk.queue("Invoices", [
        {"name": "4711", "parameters": {"file": "4711.pdf"}, "tags": "pdf"},
        {"name": "4712", "parameters": {"file": "4712.pdf"}, "tags": "pdf"},
    ])
    sdk.file("Invoices in", "4711.pdf", b"2000")
    sdk.file("Invoices in", "4712.pdf", "10")
    run_script("invoices.py")
    assert sdk.tasks("Invoices")["4711"].status_word == "Failed (Business)"
    assert sdk.tasks("Invoices")["4711"].comment == "LIMIT: 2000 is above 1000"
    assert sdk.tasks("Invoices")["4712"].status_word == "Success"
    assert sdk.read_file("Booked", "4712.pdf") == b"10"
    assert [line["level"] for line in sdk.log] == ["WARNING"]


def test_what_a_script_raises_comes_out_and_settles_its_task(sdk, run_script):
    sdk.queue("Q", [{"name": "1"}])
    with pytest.raises(ZeroDivisionError):
        run_script("broken.py")
    assert sdk.tasks("Q")["1"].status_word == "Failed (Application)"


def test_a_script_that_is_told_to_stop_takes_nothing(sdk, run_script):
    sdk.queue("Q", [{"name": "1"}])
    sdk.stop()
    run_script("broken.py")
    assert sdk.tasks("Q")["1"].status_word == "New"


def test_a_function_is_tested_without_a_script(sdk):
    sdk.queue("Q")
    queue("Q").add({"a": 1}, name="x")
    assert sdk.tasks("Q")["x"]["a"] == 1


def test_the_job_has_a_task(sdk, run_script):
    sdk.job_task({"month": 5})
    assert run_script("own.py", "--fast").names["found"] == (5, ["own.py", "--fast"])


def test_nothing_is_left_of_the_test_before(sdk):
    assert sdk.log == [] and sdk.jobs == []
"""


def test_the_fixtures_serve_the_tests_of_a_users_scripts(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of the docs, and what else a test of a script asks."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile(test_invoices=TESTS)
    for name, text in (
        ("invoices", INVOICES),
        ("broken", "from fsm_robot.sdk import queue\nfor task in queue('Q').tasks():\n    1 / 0\n"),
        ("own", "import sys\nfrom fsm_robot.sdk import job_task\nfound = job_task()['month'], sys.argv\n"),
    ):
        pytester.path.joinpath(f"{name}.py").write_text(text)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=6)
