from pathlib import Path

from fsm_robot.engine import Context, Event, Step


class Callbacks:
    class Settings:
        inbox: Path = Path("inbox")
        archive: Path = Path("archive")
        look_every_s: float = 5

    def __init__(self, context: Context) -> None:
        self.log, self.my = context.log, context.settings

    def look_into_the_inbox(self, step: Step) -> Event:
        names = sorted(file.name for file in self.my.inbox.iterdir() if file.is_file())
        return Event("file_found", {"file": names[0]}) if names else Event("nothing_there")

    def file_it(self, step: Step) -> Event:
        name = step.event.data["file"]
        (self.my.inbox / name).replace(self.my.archive / name)
        self.log.info("filed", file=name)
        return Event("filed")
