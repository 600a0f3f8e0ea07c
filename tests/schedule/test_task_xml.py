from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from fsm_robot.errors import ScheduleError
from fsm_robot.schedule.plan import Plan
from fsm_robot.schedule.task_xml import NAMESPACE, command_line, differences, task_xml

PLAN = Plan(
    name="fsm_robot",
    python=r"C:\Program Files\Python311\pythonw.exe",
    config=r"C:\Роботы & Co\robot.toml",
    folder=r"C:\Роботы & Co",
    account=r"ФИРМА\robot<1>",
)
ON, WHO = "<Enabled>true</Enabled>", r"<UserId>ФИРМА\robot&lt;1&gt;</UserId>"
TEXT, BOOLEAN, DURATION = r".+", r"true|false", r"P(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?"
# The published schema, as far as it is used: a list is a sequence, whose children come in this order; in a set they may
# come in any order.
TRIGGER = ["Enabled?", "StartBoundary?", "EndBoundary?", "Repetition?", "ExecutionTimeLimit?"]
STRUCTURE: dict[str, list[str] | set[str] | dict[str, str]] = {
    "Task": {"RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"},
    "Task/RegistrationInfo": {"Description": TEXT},
    "Task/Triggers": {"LogonTrigger", "SessionStateChangeTrigger", "EventTrigger"},
    "Task/Triggers/LogonTrigger": [*TRIGGER, "UserId?", "Delay?"],
    "Task/Triggers/SessionStateChangeTrigger": [*TRIGGER, "UserId?", "Delay?", "StateChange"],
    "Task/Triggers/EventTrigger": [*TRIGGER, "Subscription", "Delay?", "ValueQueries?"],
    "Task/Principals": ["Principal"],
    "Task/Principals/Principal": {"UserId", "LogonType", "RunLevel"},
    "Task/Actions": ["Exec"],
    "Task/Actions/Exec": ["Command", "Arguments?", "WorkingDirectory?"],
}
VALUES = {
    "Enabled": BOOLEAN,
    "UserId": TEXT,
    "StateChange": "ConsoleConnect|ConsoleDisconnect|RemoteConnect|RemoteDisconnect|SessionLock|SessionUnlock",
    "Interval": DURATION,
    "StopAtDurationEnd": BOOLEAN,
    "Subscription": TEXT,
    "Delay": DURATION,
    "LogonType": "S4U|Password|InteractiveToken|InteractiveTokenOrPassword",
    "RunLevel": "LeastPrivilege|HighestAvailable",
    "MultipleInstancesPolicy": "Parallel|Queue|IgnoreNew|StopExisting",
    "DisallowStartIfOnBatteries": BOOLEAN,
    "StopIfGoingOnBatteries": BOOLEAN,
    "AllowHardTerminate": BOOLEAN,
    "StartWhenAvailable": BOOLEAN,
    "RunOnlyIfNetworkAvailable": BOOLEAN,
    "StopOnIdleEnd": BOOLEAN,
    "RestartOnIdle": BOOLEAN,
    "AllowStartOnDemand": BOOLEAN,
    "Hidden": BOOLEAN,
    "RunOnlyIfIdle": BOOLEAN,
    "WakeToRun": BOOLEAN,
    "ExecutionTimeLimit": DURATION,
    "Priority": "10|[0-9]",
    "Count": "[1-9][0-9]{0,2}",
    "Description": TEXT,
    "Command": TEXT,
    "Arguments": TEXT,
    "WorkingDirectory": TEXT,
}
GROUPS = {"Settings", "IdleSettings", "RestartOnFailure", "Repetition"}
IN_SETTINGS = {
    "AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries",
    "StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable", "RunOnlyIfNetworkAvailable", "WakeToRun",
    "Enabled", "Hidden", "DeleteExpiredTaskAfter", "IdleSettings", "NetworkSettings", "ExecutionTimeLimit", "Priority",
    "RunOnlyIfIdle",
}  # fmt: skip


def mistakes(text: str) -> list[str]:
    """Return what the schema of the Task Scheduler, version 1.2, would refuse."""
    root = ElementTree.fromstring(text.partition("?>")[2])
    found = [] if root.tag == f"{{{NAMESPACE}}}Task" and root.get("version") == "1.2" else ["root"]
    waiting = [("Task", root)]
    while waiting:
        place, element = waiting.pop()
        names = [child.tag.rpartition("}")[2] for child in element]
        found += [f"{place}: {name} twice" for name in set(names) if names.count(name) > 1]
        found += _wrong_children(place, names)
        for name, child in zip(names, element, strict=True):
            if child.tag.partition("}")[0] != f"{{{NAMESPACE}":
                found.append(f"{place}/{name}: namespace")
            if len(child):
                waiting.append((f"{place}/{name}", child))
            elif not re.fullmatch(VALUES.get(name, "(?!)"), child.text or ""):
                found.append(f"{place}/{name}: {child.text!r}")
    return found


def _wrong_children(place: str, names: list[str]) -> list[str]:
    allowed = STRUCTURE.get(
        place, IN_SETTINGS if place == "Task/Settings" else VALUES if place.rpartition("/")[2] in GROUPS else {}
    )
    if isinstance(allowed, list):
        order = [name.rstrip("?") for name in allowed]
        missing = [name for name in allowed if not name.endswith("?") and name not in names]
        in_order = names == [name for name in order if name in names]
        return [f"{place}: {missing} missing"] * bool(missing) + [f"{place}: order {names}"] * (not in_order)
    return [f"{place}: {name} is unknown" for name in names if name not in allowed]


@pytest.mark.parametrize("plan", [PLAN, Plan("r", "p", "c", "f", "a", "local", every_min=15)])
def test_task_follows_the_published_schema(plan: Plan) -> None:
    """Names, order and values are what the scheduler reads; it stores a broken task only to never run it."""
    assert mistakes(task_xml(plan)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Priority>5", "<Priority>15"),
        ("PT0S", "0 s"),
        ("Exec>", "Execute>"),
        ("IgnoreNew", "ignore"),
        ("UserId", "User"),
        (f"{ON}\n      {WHO}", f"{WHO}{ON}"),
    ],
)
def test_check_of_the_schema_sees_a_mistake(old: str, new: str) -> None:
    """The check above can fail."""
    assert mistakes(task_xml(PLAN).replace(old, new)) != []


def test_task_says_what_a_robot_needs() -> None:
    """Both triggers of one account, only while logged on, never twice, never ended by time or battery, own priority."""
    leaves = {
        child.tag.rpartition("}")[2]: child.text
        for child in ElementTree.fromstring(task_xml(PLAN).partition("?>")[2]).iter()
    }

    assert leaves["LogonType"] == "InteractiveToken"
    assert leaves["MultipleInstancesPolicy"] == "IgnoreNew"
    assert leaves["ExecutionTimeLimit"] == "PT0S"
    assert leaves["Priority"] == "5"
    assert (leaves["DisallowStartIfOnBatteries"], leaves["StopIfGoingOnBatteries"]) == ("false", "false")
    assert leaves["StateChange"] == "RemoteConnect"
    assert leaves["Command"] == PLAN.python
    assert leaves["Arguments"] == '-I -m fsm_robot run --scheduled --quiet --config "C:\\Роботы & Co\\robot.toml"'
    assert leaves["WorkingDirectory"] == PLAN.folder
    assert leaves["UserId"] == PLAN.account


def test_differences_name_the_place_and_both_values() -> None:
    """Somebody set a time limit by hand, let the priority go back to the usual one and added a trigger."""
    wanted = task_xml(PLAN)
    installed = (
        wanted.replace("PT0S", "PT71H")
        .replace("<Priority>5</Priority>", "")
        .replace("</Triggers>", "<BootTrigger><Enabled>true</Enabled></BootTrigger></Triggers>")
    )

    assert differences(installed, wanted) == [
        "Settings/ExecutionTimeLimit: 'PT71H' instead of 'PT0S'",
        "Settings/Priority: '7' instead of '5'",
        "Triggers/BootTrigger/Enabled: 'true' instead of nothing",
    ]
    assert differences(wanted, wanted) == []


def test_differences_overlook_how_windows_writes_the_same_task() -> None:
    """Given back, it has an author and an address, defaults are left out, and the account is its number."""
    wanted = task_xml(PLAN)
    account = wanted[wanted.index("<UserId>") : wanted.index("</UserId>")]
    place = wanted.index(account, wanted.index("<Principals>"))
    installed = wanted[:place] + wanted[place:].replace(account, "<UserId>S-1-5-21-7-1001", 1)
    for old, new in (
        ("<Description>", "<Author>x</Author><URI>\\fsm_robot</URI><Description>"),
        ("<WakeToRun>false</WakeToRun>", ""),
        ("<StopOnIdleEnd>", "<Duration>PT10M</Duration><WaitTimeout>PT1H</WaitTimeout><StopOnIdleEnd>"),
        ("<Priority>", "<UseUnifiedSchedulingEngine>true</UseUnifiedSchedulingEngine><Priority>"),
    ):
        assert old in installed
        installed = installed.replace(old, new)

    assert differences(installed, wanted, lambda one, other: {one, other} <= {PLAN.account, "S-1-5-21-7-1001"}) == []
    assert len(differences(installed, wanted)) == 1


def test_differences_refuse_what_is_no_task() -> None:
    """One sentence, no traceback."""
    with pytest.raises(ScheduleError, match="not a task"):
        differences("ERROR: The system cannot find the file specified.", task_xml(PLAN))


def test_command_line_quotes_what_has_blanks() -> None:
    """As Windows programs split it."""
    assert command_line(("a", "b c", "")) == 'a "b c" ""'
