import json
from pathlib import Path

from fsm_robot.engine import Context, Event, Step


class Callbacks:
    class Settings:
        payments: Path = Path("payments.json")
        may_approve: list[str]
        remind_after_s: float = 3600
        give_up_after_s: float = 7200

    def __init__(self, context: Context) -> None:
        self.context, self.my = context, context.settings

    def collect_the_payments(self, step: Step) -> Event:
        payments = json.loads(self.my.payments.read_text(encoding="utf-8"))
        return Event("payments_collected", {"payments": len(payments), "sum": sum(payments.values())})

    def ask_for_approval(self, step: Step) -> None:
        self.context.log.info("waits for an approval", **step.event.data)

    def remind(self, step: Step) -> None:
        self.context.log.warning("nobody has approved the payments yet")  # a mail, in earnest

    def check_the_name(self, step: Step) -> Event:
        by = step.event.data.get("by")
        return Event("name_known" if by in self.my.may_approve else "name_unknown", {"by": by})

    def pay(self, step: Step) -> Event:
        (self.context.folder / "paid.txt").write_text(f"approved by {step.event.data['by']}\n", encoding="utf-8")
        return Event("paid")
