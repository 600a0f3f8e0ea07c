"""What a job of a fleet printed, wherever it runs: in pieces, and as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fsm_robot.errors import SettingsError
from fsm_robot.fleet.asking import ask, ask_each, place_of
from fsm_robot.fleet.documents import sights_in
from fsm_robot.fleet.file import Fleet
from fsm_robot.fleet.sight import Sight

MOST_LOOKED_AT = 500


def whose_job(fleet: Fleet, sights: Sequence[Sight], word: str) -> Sight:
    """Return the robot that has had the job whose GUID begins so.

    Raises:
        SettingsError: None of them, or several.
    """
    answers = ask_each(fleet, sights, {"ask": "history", "limit": MOST_LOOKED_AT})
    meant = [
        sight
        for sight, answer in zip(sights, answers, strict=True)
        if any(str(job.get("job", "")).lower().startswith(word.lower()) for job in _jobs(answer.get("jobs")))
    ]
    if not meant:
        raise SettingsError(
            f"{fleet.path}: no robot has had a job that begins with {word}; --robot NAME looks further back"
        )
    if len(meant) > 1:
        raise SettingsError(
            f"{word} may mean jobs of {', '.join(sight.name for sight in meant)}; give more of the GUID"
        )
    return meant[0]


def pieces(fleet: Fleet, sight: Sight, job: str, *, follow: bool, wait: Callable[[], object]) -> Iterator[str]:
    """Return what a job printed.

    Args:
        fleet: Of the robot.
        sight: The robot.
        job: GUID or its beginning; empty: the last one.
        follow: Go on until the job is over.
        wait: Called before it is looked again.

    Raises:
        RobotError: The robot's machine does not answer, or knows no such job.
    """
    place, came = place_of(fleet, sight), 0
    while True:
        over = not follow or _is_over(fleet, sight, job)  # asked first: what is printed until then is read below
        while True:
            question = {"ask": "output", "folder": sight.folder, "job": job, "from": came, "follow": not over}
            told = ask(fleet, place, question)
            job, text, after = str(told.get("job") or job), str(told.get("text") or ""), told.get("next")
            yield text
            if not isinstance(after, int) or after <= came:
                break
            came = after
        if over:
            return
        wait()


def _is_over(fleet: Fleet, sight: Sight, job: str) -> bool:
    told = ask(fleet, place_of(fleet, sight), {"ask": "status", "folder": sight.folder})
    (now, *_) = sights_in(told, sight.host) or [sight]
    return now.pid is None or (bool(job) and not now.job.lower().startswith(job.lower()))


def _jobs(told: object) -> list[dict[str, object]]:
    return [job for job in told if isinstance(job, dict)] if isinstance(told, list) else []
