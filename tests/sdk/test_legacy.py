"""Scripts of the vendor's framework run unchanged: their six methods, on the robot's job API."""

from __future__ import annotations

import pytest

from tests.sdk.places import RobotPlace

# As the vendor's pages write them, but for the names of queue and asset.
SCRIPT = """
import json, sys
from OrchestratorAPI.TaskOrcAPI import TaskOrchestratorAPI

fields = sys.argv[1].split("|")
robot_guid, host, headers = "00000000-0000-0000-0000-000000000000", "http://nowhere", {"Authorization": "Basic x"}
api = TaskOrchestratorAPI(robot_guid, host, headers)
made = api.add_task("Q", {"number": 7}, "seven")
print(sorted(made), len(made["guid"]))
r = api.get_task("Q", 0)
task = json.loads(r.text)
print(r.status_code, r.ok, r.json()["name"], json.loads(task["parameters"])["number"], r.content[:1])
r.raise_for_status()
print(api.update_task_status(task["guid"], 1).text)
print(api.update_task_status(task["guid"], 2).status_code)
second = json.loads(api.get_task("Q").text)
api.update_task_status(second["guid"], 1)
asset = api.get_asset("ERP")
print(asset["text"], asset["password"] == "s3cret-word", asset["name"])
print(api.asset_update("ERP", "robot2", password="another-word").ok)
print(api.get_asset("ERP")["name"])
api.add_new_log_entry(robot_guid, fields[0], fields[1], "Warning", "a line")
print(json.loads(api.get_task("Q").text))
missing = api.get_task("No such queue")
print(missing.ok, missing.status_code)
"""


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "with the vendor's folder beside it"])
def test_a_script_of_the_vendors_framework_runs_unchanged(robot_place: RobotPlace, beside: bool) -> None:
    """Ours wins over the folder beside the script; a task that it leaves open gets its end."""
    place = robot_place
    place.queue("Q", [{"name": "six", "parameters": {"number": 6}}])
    place.assets(ERP={"login": "robot", "password": "s3cret-word"})
    place.scripts = {"vendor_api": True, "legacy_argument": True}
    if beside:
        folder = place.robot.path / "scripts" / "OrchestratorAPI"
        folder.mkdir(parents=True)
        (folder / "TaskOrcAPI.py").write_text("raise SystemExit('the vendor’s own')", encoding="utf-8")

    said = place.run(SCRIPT).splitlines()

    assert said == [
        "['guid'] 36",
        "200 True six 6 b'{'",
        "[]",
        "200",
        "robot True ERP",
        "True",
        "ERP",
        "[]",
        "False 404",
    ]
    assert [(row["name"], row["status_word"]) for row in place.tasks().values()] == [
        ("six", "Success"),
        ("seven", "Failed (Application)"),
    ]
    assert place.tasks()["seven"]["comment"] == "left without a result"
    assert place.store.assets.find("ERP").text == "robot2"
    assert [line["message"] for line in place.log()] == ["a line"]


def test_without_the_setting_the_vendors_own_files_run(robot_place: RobotPlace) -> None:
    """As they did before."""
    folder = robot_place.robot.path / "scripts" / "OrchestratorAPI"
    folder.mkdir(parents=True)
    (folder / "TaskOrcAPI.py").write_text("TaskOrchestratorAPI = 'theirs'")

    assert robot_place.run("from OrchestratorAPI.TaskOrcAPI import *\nprint(TaskOrchestratorAPI)").strip() == "theirs"
