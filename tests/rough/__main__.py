"""`python -m tests.rough`: rough cases on the real robot, until enough jobs have counted. `make rough`."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.rough.case import KINDS, Case, case_from_text
from tests.rough.chance import case_by
from tests.rough.play import Played, played


def main() -> int:
    """Run it from the command line."""
    arguments = _arguments()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    found: list[Played] = []
    jobs: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    began_s = time.monotonic()
    count = cases = idle = 0
    with tempfile.TemporaryDirectory(prefix="rough-cache-") as cache:
        _warm_up(Path(cache))
        for result in played(_cases(arguments, lambda: count), arguments.side_by_side, arguments.keep):
            cases += 1
            if result.skipped:
                skipped[result.skipped] += 1
                continue
            if result.effective:
                count += result.jobs
                for trouble in result.case.troubles:
                    jobs[trouble.kind] += result.jobs
                alone["two kinds at once" if len(result.case.troubles) > 1 else "one kind"] += result.jobs
            else:
                idle += 1
            if result.broken:
                found.append(result)
                _tell(result, story=arguments.story)
            elif arguments.story:
                print(f"{result.case.name} {result.seconds:.1f} s {'' if result.effective else '(no effect)'}")
                print("\n".join(f"    {line}" for line in result.story))
    took_s = time.monotonic() - began_s
    print(f"\n{count} jobs in {cases} cases, {took_s:.0f} s, {count / took_s:.1f} jobs/s; no effect: {idle} cases")
    print("\n".join(f"  {kind:<12}{jobs[kind]:>7} jobs" for kind in KINDS))
    print("\n".join(f"  {words}: {number} jobs" for words, number in alone.items()))
    print("\n".join(f"  skipped {number} cases: {why}" for why, number in skipped.items()))
    print(f"{len(found)} cases broke a promise" if found else "no promise was broken")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rough", description=__doc__)
    parser.add_argument("--jobs", type=int, default=500, help="jobs whose roughness took effect (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--kind", choices=KINDS, help="only cases of this kind, every third with a second one")
    parser.add_argument("--case", action="append", default=[], help="a case by its name, KIND:SEED:NUMBER, or as JSON")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no case after so long")
    parser.add_argument("--side-by-side", type=int, default=6, metavar="N")
    parser.add_argument("--keep", type=Path, help="keep the folders of the cases here")
    parser.add_argument("--story", action="store_true", help="tell everything that happened")
    return parser.parse_args()


def _cases(arguments: argparse.Namespace, count: object) -> Iterator[Case]:
    if arguments.case:
        yield from (case_from_text(each) if each.startswith("{") else case_by(each) for each in arguments.case)
        return
    deadline_s = time.monotonic() + arguments.seconds
    print(f"seed {arguments.seed}")
    for number in itertools.count():
        if count() >= arguments.jobs or time.monotonic() > deadline_s:  # type: ignore[operator]
            return
        yield case_by(f"{arguments.kind or 'any'}:{arguments.seed}:{number}")


def _warm_up(folder: Path) -> None:
    """Compile the machine file and the modules once, so that no case has to."""
    import compileall

    from fsm_robot.callbacks import OUTCOMES, Callbacks, callback_names
    from fsm_robot.machine_file import load
    from tests.rough.stage import ROOT, machine_file

    compileall.compile_dir(str(ROOT / "fsm_robot"), quiet=2)
    machine_file(folder)
    load(folder / "states.yaml", callback_names(Callbacks), OUTCOMES, folder)
    os.environ["ROUGH_CACHE"] = str(folder / "machine.cache.json")


def _tell(result: Played, *, story: bool) -> None:
    print(f"BROKEN {result.case.name}  {result.case.told()}")
    for promise, text in result.broken:
        print(f"    {promise}: {text}")
    if story:
        print("\n".join(f"        {line}" for line in result.story))


if __name__ == "__main__":
    sys.exit(main())
