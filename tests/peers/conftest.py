"""Tests against programs that are not ours; `make peers` installs them and runs these.

Each test is marked `peers`, so that `make test` leaves them out, and belongs to the peer that the module names in PEER.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.peers.peers import versions

_RESULTS: Counter[tuple[str, str]] = Counter()


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.peers)
    # The first test of a module waits until its peer has done all the cases.
    item.add_marker(pytest.mark.timeout(600))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if item.get_closest_marker("peers"):
        peer = item.get_closest_marker("peer")
        module = item.module
        report.user_properties.append(("peer", peer.args[0] if peer else getattr(module, "PEER", module.__name__)))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    peer = next((value for key, value in report.user_properties if key == "peer"), None)
    if peer and (report.when == "call" or report.outcome != "passed"):
        _RESULTS[str(peer), report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each peer found."""
    if not _RESULTS:
        return
    known = versions()
    terminalreporter.section("peers")
    for peer in sorted({peer for peer, _ in _RESULTS}):
        counts = ", ".join(
            f"{_RESULTS[peer, what]} {what}" for what in ("passed", "failed", "skipped") if _RESULTS[peer, what]
        )
        terminalreporter.write_line(f"{peer:<24} {known.get(peer, ''):<14} {counts}")
