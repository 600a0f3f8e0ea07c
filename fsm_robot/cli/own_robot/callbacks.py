"""What the robot does: a method for each callback that machine.yaml names."""

from fsm_robot.engine import Context, Event, Step


class Callbacks:
    """Greets some times, and rests in between."""

    class Settings:
        """What the section `[my]` of robot.toml may say, and what counts where it does not."""

        greetings: int = 12
        rest_s: float = 5.0

    def __init__(self, context: Context) -> None:
        self.log, self.my = context.log, context.settings
        self.greeted = 0

    def greet(self, step: Step) -> Event:
        """Greet once; `step.event` is what led here."""
        self.greeted += 1
        self.log.info("hello", number=self.greeted)
        if self.greeted >= self.my.greetings:
            return Event("all_greeted", {"greeted": self.greeted})
        return Event("greeted")
