"""The pytest plugin: replay journals, run a machine among fakes. It imports nothing of fsm_robot before a test asks.

It is loaded by whoever names it (`pytest_plugins = ["fsm_robot.testing.plugin"]`), and is no entry point: a package
that was installed to run a robot must not put fixtures and a marker into every pytest run of that environment.
docs/testing.md shows it at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fsm_robot.engine.journal.replay import Verdict
    from fsm_robot.testing.scripts import ScriptRun, Sdk
    from fsm_robot.testing.world import World

MARKER = "journals(folder): run the test once per *.jsonl file in the folder, which is relative to the test's own file"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test marked with `journals` one run per file, as its argument `journal`."""
    marker = metafunc.definition.get_closest_marker("journals")
    if marker is None:
        return
    if len(marker.args) != 1 or marker.kwargs or "journal" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f'{metafunc.definition.nodeid}: write @pytest.mark.journals("folder"), and let the test take `journal`'
        )
    folder = metafunc.definition.path.parent / marker.args[0]
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        # An empty list would skip the test, and nobody would notice that it tests nothing.
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: there is no journal (*.jsonl) in {folder}")
    metafunc.parametrize("journal", files, ids=[file.stem for file in files])


@pytest.fixture
def replay_journal() -> Callable[..., Verdict]:
    """Replay a journal: `replay_journal(path, machine="my_states.yaml")`; the test fails where the machine diverges.

    Without `machine` it is the built-in one. Returns the verdict, `identical` or `compatible`.
    """

    def replayed(journal: str | Path, machine: str | Path | None = None) -> Verdict:
        from fsm_robot.engine import machine_file
        from fsm_robot.engine.journal.explain import Replayed, explained
        from fsm_robot.engine.journal.file import read_file
        from fsm_robot.engine.journal.replay import replay
        from fsm_robot.robot.machine import built_in

        path = Path(machine) if machine else built_in()
        verdict = replay(read_file(Path(journal)), machine_file.load(path, None, ()))
        if verdict.judgement not in ("identical", "compatible"):
            pytest.fail("\n".join(explained(Replayed(str(journal), verdict), str(machine or path.name))), pytrace=False)
        return verdict

    return replayed


@pytest.fixture
def robot_world() -> Callable[..., World]:
    """Make a robot among fakes: `robot_world(machine="my_states.yaml", gateway=…, worker=…)`, see `world.World`."""

    def made(**parts: Any) -> World:
        from fsm_robot.testing.world import World

        return World(**parts)

    return made


@pytest.fixture
def sdk(tmp_path: Path) -> Iterator[Sdk]:
    """Give `fsm_robot.sdk` queues, assets and files of this test's own, and show what a script made of them."""
    from fsm_robot.testing.scripts import Sdk

    with Sdk.of(tmp_path / "sdk") as made:
        yield made


@pytest.fixture
def run_script(sdk: Sdk) -> Callable[..., ScriptRun]:  # noqa: ARG001 - what the script works with
    """Run a script in this process, as `python SCRIPT` would: `run_script("invoices.py")`; see `scripts.run`."""
    from fsm_robot.testing import scripts

    return scripts.run
