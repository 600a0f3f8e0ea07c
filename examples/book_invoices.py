"""Works the queue Invoices: books each one, keeps a receipt of it, and leaves to people what people must decide.

Every task has `supplier`, `total` and `seconds`, which is how long the ERP thinks about it. `fsm-robot demo --queue`
lets two robots run this at the same queue, and kills one of them in the middle.
"""

import csv
import time

from fsm_robot.sdk import BusinessError, Postpone, asset, credential, log, queue, step, storage

login, password = credential("ERP")
print("logging in as", login, "with", password)  # what is in output.log has no password
limit = asset("Invoice limit").number
with storage("Invoices in").download("suppliers.csv").open(encoding="utf-8", newline="") as table:
    accounts = {row["supplier"]: row["account"] for row in csv.DictReader(table)}


def book(task):
    """Return the account on which it was booked."""
    with step("check total"):
        total = float(task["total"])  # a total that is none fails the task, and the loop goes on
        if total > limit:
            raise BusinessError(f"{total:.2f} is above {limit:g}", code="LIMIT")
    with step("check supplier"):
        account = accounts.get(task["supplier"])
        if account is None:
            raise Postpone(hours=4, comment=f"{task['supplier']} is not in the list of suppliers yet")
        if account == "blocked":
            raise BusinessError(f"{task['supplier']} is blocked", code="BLOCKED")
    with step("book at the ERP"):
        print(task.name, "is at the ERP", flush=True)
        time.sleep(float(task["seconds"]))
    return account


for task in queue("Invoices").tasks(max_failures=3):
    with task, log.fields(invoice=task.name):
        account = book(task)
        with step("keep receipt"):
            storage("Booked").write_text(f"{task.name}.txt", f"{task['supplier']}: {task['total']} on {account}\n")
        log.info(f"booked on {account}")
        task.done(f"booked on {account}", tags="booked")
