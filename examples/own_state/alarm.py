from pathlib import Path

from fsm_robot.engine import Event, Step
from fsm_robot.robot import callbacks


class Callbacks(callbacks.Callbacks):
    class Settings:
        alarms: Path = Path("alarms.txt")

    def raise_alarm(self, step: Step) -> Event:
        job = self.job.guid if self.job else ""
        with self.my.alarms.open("a", encoding="utf-8") as stream:
            stream.write(f"job {job} ended as {self.outcome}, and the orchestrator does not know it\n")
        return Event("alarm_raised", {"job": job})
