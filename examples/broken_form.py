"""Fills a form from a record that lacks a field: the traceback lands in the job's output, the job is Failed."""

RECORD = {"name": "ООО Ромашка", "invoice": "INV-0007", "amount": "1490.00"}
FORM = ("name", "invoice", "amount", "iban")


def fill(field: str) -> None:
    print(f"{field}: {RECORD[field]}")


for field in FORM:
    fill(field)
