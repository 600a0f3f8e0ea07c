"""Сводка счетов по месяцам: сколько их и на какую сумму в каждой валюте."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

счета, суммы = Counter(), defaultdict(float)
with (Path(__file__).parent.parent / "data" / "invoices.csv").open(encoding="utf-8", newline="") as поток:
    for строка in csv.DictReader(поток):
        месяц = строка["date"][:7]
        счета[месяц] += 1
        try:
            суммы[месяц, строка["currency"]] += float(строка["amount"])
        except ValueError:
            print(f"счёт {строка['number']} пропущен: сумма {строка['amount']!r} не читается")

for месяц in sorted(счета):
    по_валютам = ", ".join(
        f"{сумма:.2f} {валюта}" for (когда, валюта), сумма in sorted(суммы.items()) if когда == месяц
    )
    print(f"{месяц}: счетов {счета[месяц]}, всего {по_валютам}")
