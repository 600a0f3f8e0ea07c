"""`python -m tests.rough`: rough cases on the real robot, until enough jobs have counted. `make rough`."""

from __future__ import annotations

import argparse
import io
import itertools
import os
import re
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from tests.rough import stage
from tests.rough.case import KINDS, Case, case_from_text
from tests.rough.chance import case_by
from tests.rough.play import Played, played
from tests.rough.promises import Broken
from tests.rough.shrink import shrunk

KEPT = Path(__file__).with_name("cases.txt")
MOST_SHRUNK = 5
TRIES_AGAIN = 2


@attrs.define(eq=False)
class Tally:
    """What has counted so far: jobs whose roughness took effect, by kind and by how many kinds there were at once."""

    jobs: int = 0
    cases: int = 0
    without_effect: Counter[str] = attrs.field(factory=Counter)
    by_kind: Counter[str] = attrs.field(factory=Counter)
    by_number: Counter[str] = attrs.field(factory=Counter)
    skipped: Counter[str] = attrs.field(factory=Counter)
    found: list[Played] = attrs.field(factory=list)

    def add(self, result: Played) -> None:
        """Count a case."""
        self.cases += 1
        if result.skipped:
            self.skipped[result.skipped] += 1
            return
        if result.broken:
            self.found.append(result)
        if not result.effective:
            self.without_effect[" + ".join(f"{each.kind}/{each.name}" for each in result.case.troubles)] += 1
            return
        self.jobs += result.jobs
        for trouble in result.case.troubles:
            self.by_kind[trouble.kind] += result.jobs
        self.by_number["two kinds at once" if len(result.case.troubles) > 1 else "one kind"] += result.jobs

    def told(self, took_s: float) -> str:
        """Return the table."""
        lines = [f"\n{self.jobs} jobs in {self.cases} cases, {took_s:.0f} s, {self.jobs / took_s:.1f} jobs/s"]
        lines += [f"  {kind:<18}{self.by_kind[kind]:>7} jobs" for kind in KINDS if self.by_kind[kind]]
        lines += [f"  {words:<18}{number:>7} jobs" for words, number in sorted(self.by_number.items())]
        lines += [f"  without effect: {number} x {what}" for what, number in self.without_effect.most_common()]
        lines += [f"  skipped: {number} x {why}" for why, number in self.skipped.most_common()]
        count = len(self.found)
        lines.append(f"{count} case{'' if count == 1 else 's'} broke a promise" if count else "no promise was broken")
        return "\n".join(lines)


def main() -> int:
    """Run it from the command line."""
    arguments = _arguments()
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    # A shell starts what goes on in the background with Ctrl-C ignored, and a robot leaves that as it is.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to leave"))  # so that no case is left to itself
    tally, began_s = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rough-cache-") as cache:
        _warm_up(Path(cache))
        cases = _cases(arguments, tally)
        for result in played(cases, arguments.side_by_side, arguments.keep):
            tally.add(result)
            _tell(result, arguments.story)
            if any(each.promise == "the_instrument" for each in result.broken):
                raise SystemExit("the instrument itself is broken")
            if arguments.until_broken and _fitting(result, arguments.finds):
                break
        print(tally.told(time.monotonic() - began_s))
        if arguments.confirm:
            tally.found = _confirmed(tally.found)
        if not arguments.no_shrink and not arguments.case:
            _shrink(tally.found, arguments)
    return 1 if any(_fitting(result, arguments.finds) for result in tally.found) else 0


def _confirmed(found: list[Played]) -> list[Played]:
    """Play again, by itself, what broke a promise on a machine that was busy with others; return what broke again."""
    again = [result.case for result in found for _ in range(TRIES_AGAIN)]
    confirmed = {result.case.name: result for result in played(again, 1) if result.broken}
    for result in found:
        told = "broke again" if result.case.name in confirmed else f"held in {TRIES_AGAIN} more tries by itself"
        print(f"{result.case.name} {told}")
    return list(confirmed.values())


def _fitting(result: Played, finds: str) -> list[Broken]:
    return [each for each in result.broken if re.search(finds, " ".join(each))]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rough", description=__doc__)
    parser.add_argument("--jobs", type=int, default=500, help="jobs whose roughness took effect (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--kind", choices=KINDS, help="only cases of this kind, every third with a second one")
    parser.add_argument("--case", action="append", default=[], help="KIND:SEED:NUMBER, kept:NAME, or a case as JSON")
    parser.add_argument(
        "--kept", action="store_true", help="the cases of cases.txt, each of which once found something"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no case after so long")
    parser.add_argument("--side-by-side", type=int, default=8, metavar="N", help="cases at once (default: %(default)s)")
    parser.add_argument("--until-broken", action="store_true", help="end with the first broken promise")
    parser.add_argument("--finds", default="", metavar="REGEX", help="look for broken promises that say so only")
    parser.add_argument("--tree", type=Path, help="try the robot of another tree than this one")
    parser.add_argument("--shrink-seconds", type=float, default=60.0, help="for each case (default: %(default)s)")
    parser.add_argument(
        "--confirm", action="store_true", help="play what broke a promise again by itself; it must break once more"
    )
    parser.add_argument("--no-shrink", action="store_true", help="do not look for smaller cases")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the folders of cases that broke a promise here"
    )
    parser.add_argument("--story", action="store_true", help="tell everything that happened")
    arguments = parser.parse_args()
    if arguments.tree:
        stage.ROOT = arguments.tree.absolute()
    return arguments


def kept_cases() -> list[Case]:
    """Return the cases that once broke a promise; lines with # say what they found."""
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    return [case_from_text(line) for line in lines if line.strip() and not line.startswith("#")]


def _cases(arguments: argparse.Namespace, tally: Tally) -> Iterator[Case]:
    if arguments.kept:
        return iter(kept_cases())
    if arguments.case:
        return map(_named, arguments.case)
    print(f"seed {arguments.seed}")
    deadline_s = time.monotonic() + arguments.seconds
    go_on: Callable[[], bool] = lambda: tally.jobs < arguments.jobs and time.monotonic() < deadline_s  # noqa: E731
    kind = arguments.kind or "any"
    return (
        case_by(f"{kind}:{arguments.seed}:{number}")
        for number in itertools.takewhile(lambda _: go_on(), itertools.count())
    )


def _named(name: str) -> Case:
    if name.startswith("kept:"):
        return next(case for case in kept_cases() if case.name == name)
    return case_from_text(name) if name.startswith("{") else case_by(name)


def _warm_up(folder: Path) -> None:
    """Compile the machine file and the modules once, so that no case has to."""
    import compileall

    from fsm_robot.robot.callbacks import Callbacks
    from fsm_robot.robot.machine import load

    compileall.compile_dir(str(stage.ROOT / "fsm_robot"), quiet=2)
    stage.machine_file(folder)
    load(folder / "states.yaml", Callbacks, folder)
    os.environ["ROUGH_CACHE"] = str(folder / "machine.cache.json")


def _tell(result: Played, story: bool) -> None:
    if not result.broken and not story:
        return
    print(f"{'BROKEN' if result.broken else 'kept'} {result.case.name}  {result.case.told()}")
    for promise, text in result.broken:
        print(f"    {promise}: {text}")
    if story:
        print("\n".join(f"        {line}" for line in result.story))


def _shrink(found: list[Played], arguments: argparse.Namespace) -> None:
    """Make the first case of each sort smaller, and print what can be kept."""
    sorts: dict[tuple[str, ...], Played] = {}
    for result in found:
        fitting = _fitting(result, arguments.finds)
        if fitting:
            sorts.setdefault(tuple(sorted({each.promise for each in fitting})), result)
    for result in list(sorts.values())[:MOST_SHRUNK]:
        smaller = shrunk(result, arguments.finds, arguments.side_by_side, arguments.shrink_seconds)
        print(f"\nSHRUNK {result.case.name}  {smaller.case.told()}")
        print("\n".join(f"    {promise}: {text}" for promise, text in smaller.broken))
        print("\n".join(f"        {line}" for line in smaller.story))
        print(f"    again: python -m tests.rough --case {shlex.quote(smaller.case.to_text())}")


if __name__ == "__main__":
    sys.exit(main())
