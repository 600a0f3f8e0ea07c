from pathlib import Path

from watcher import Callbacks

from fsm_robot.engine import Robot

HERE = Path(__file__).parent


def robot_in(folder: Path) -> Robot:
    my = Callbacks.Settings()
    my.inbox, my.archive, my.look_every_s = folder / "inbox", folder / "archive", 0.01
    my.inbox.mkdir()
    my.archive.mkdir()
    return Robot.from_file(HERE / "watcher.yaml", Callbacks, storage=folder / "state", settings=my, console=False)


def test_letters_are_filed_and_the_run_is_decided_alike_again(tmp_path, replay_journal):
    robot = robot_in(tmp_path)
    for name in ("b.txt", "письмо.txt"):
        (tmp_path / "inbox" / name).write_text("hello", encoding="utf-8")
    robot.post("day_over")  # it waits in the robot's inbox until a state waits

    assert robot.run() == 0

    assert sorted(file.name for file in (tmp_path / "archive").iterdir()) == ["b.txt", "письмо.txt"]
    (journal,) = (tmp_path / "state" / "journal").glob("*.jsonl")
    assert replay_journal(journal, HERE / "watcher.yaml").judgement == "identical"


def test_file_that_has_gone_is_no_reason_to_end(tmp_path):
    robot = robot_in(tmp_path)
    letter = tmp_path / "inbox" / "a.txt"
    letter.write_text("hello", encoding="utf-8")
    look = robot.callbacks.look_into_the_inbox

    def look_and_lose_it(step):
        found = look(step)
        letter.unlink(missing_ok=True)
        return found

    robot.callbacks.look_into_the_inbox = look_and_lose_it
    robot.post("day_over")

    assert robot.run() == 0

    assert not list((tmp_path / "archive").iterdir())
