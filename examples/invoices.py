"""Totals per customer from a CSV of invoices.

Parameters (the Task): `file`, `month` such as "2026-10", `minimum` amount, `result` (where the totals go).
Rows that cannot be read are reported and left out; the job fails only when nothing could be read.
"""

import csv
import sys
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

from fsm_robot import job

HERE = Path(__file__).parent


def main() -> int:
    parameters = job.parameters()
    source = Path(parameters.get("file") or HERE / "data" / "invoices.csv")
    month = parameters.get("month", "2026-10")
    minimum = Decimal(str(parameters.get("minimum", 0)))
    totals, bad = defaultdict(Decimal), 0
    with source.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                amount = Decimal(row["amount"])
            except InvalidOperation:
                bad += 1
                print(f"left out {row['number']}: {row['amount']!r} is no amount")
                continue
            if row["date"].startswith(month) and amount >= minimum:
                totals[row["customer"], row["currency"]] += amount
    for (customer, currency), total in sorted(totals.items()):
        print(f"{customer:<16} {total:>12} {currency}")
    if parameters.get("result"):
        with Path(parameters["result"]).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["customer", "currency", "total"])
            writer.writerows([*key, total] for key, total in sorted(totals.items()))
    print(f"{month}: {len(totals)} totals, {bad} bad rows")
    return 0 if totals else 1


if __name__ == "__main__":
    sys.exit(main())
