"""`fsm-robot sdk sample`: a script that works a queue, and the folder of data to try it with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from fsm_robot.cli import streams
from fsm_robot.errors import SettingsError

SCRIPT_NAME = "invoices.py"
SCRIPT = '''"""Works the queue Invoices. Without a robot FSM_ROBOT_DATA names the folder with its data."""

from fsm_robot.sdk import BusinessError, Postpone, asset, credential, log, queue, storage

login, password = credential("ERP")  # the password is hidden in everything that is printed or logged from here on
limit = asset("Invoice limit").number

for task in queue("Invoices").tasks(max_failures=3):
    with task, log.fields(invoice=task.name):
        text = storage("Invoices in").read_text(task["file"])
        total = float(text.split()[1])
        if total > limit:
            raise BusinessError(f"{total:g} is above {limit:g}", code="LIMIT")  # Failed (Business), next one
        if task["supplier"] == "unknown":
            raise Postpone(hours=4, comment="the supplier is not there yet")  # Postponed, next one
        print("booking", task.name, "as", login)
        storage("Booked").write_text(f"{task.name}.txt", f"{total:g}\\n")
        task.done("booked", tags="booked")  # Success
'''
INVOICES = {"4711": ("ООО Ромашка", 100), "4712": ("ООО Ромашка", 9000), "4713": ("unknown", 200)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=["sample"], help="write them")
    parser.add_argument("folder", metavar="FOLDER", help="a new folder for the data; the script is written beside it")


def run(arguments: argparse.Namespace) -> int:
    """Write the files, which must be new, and say how to run them."""
    folder = Path(os.path.abspath(arguments.folder))
    script = folder.with_name(SCRIPT_NAME)
    for path in (folder, script):
        if os.path.lexists(path):
            raise SettingsError(f"{path}: is there already; name a new folder, whose script goes beside it")
    for path, text in {script: SCRIPT, **_data(folder)}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    variable = f'set "FSM_ROBOT_DATA={folder}" &&' if sys.platform == "win32" else f"FSM_ROBOT_DATA='{folder}'"
    streams.tell(
        f"{script} and its data in {folder} are written. Run it in one of these ways:\n"
        f"  fsm-robot try '{script}' --data '{folder}'\n"
        f"  {variable} python '{script}'\n"
        "or in an editor with that variable (docs/sdk.md); what it does is kept in .run/ of the data."
    )
    return 0


def _data(folder: Path) -> dict[Path, str]:
    tasks = [
        {"name": name, "parameters": {"file": f"{name}.txt", "supplier": supplier}, "tags": "txt"}
        for name, (supplier, _) in INVOICES.items()
    ]
    assets = {"ERP": {"login": "robot", "password": "not-a-secret"}, "Invoice limit": "1000"}
    files = {
        folder / "files" / "Invoices in" / f"{name}.txt": f"{name} {total}\n" for name, (_, total) in INVOICES.items()
    }
    return {
        folder / "queues" / "Invoices.json": _json(tasks),
        folder / "assets.json": _json(assets),
        **files,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
