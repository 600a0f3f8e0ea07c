"""A plan as XML of the Windows Task Scheduler, version 1.2, and what differs in an installed one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from fsm_robot.errors import ScheduleError
from fsm_robot.schedule.plan import Plan

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
CONNECTIONS = {"remote": "RemoteConnect", "local": "ConsoleConnect"}
PRIORITY = 5
"""Normal; a task gets 7, below normal, unless it says so."""
RETRIES, RETRY_AFTER = 3, "PT1M"
UNREACHABLE = 4
"""The exit code after which the robot is started once more."""
AGAIN_AFTER = "PT5M"
DEFAULTS = {
    "Enabled": "true",
    "MultipleInstancesPolicy": "IgnoreNew",
    "DisallowStartIfOnBatteries": "true",
    "StopIfGoingOnBatteries": "true",
    "AllowHardTerminate": "true",
    "StartWhenAvailable": "false",
    "RunOnlyIfNetworkAvailable": "false",
    "RestartOnIdle": "false",
    "StopOnIdleEnd": "true",
    "AllowStartOnDemand": "true",
    "Hidden": "false",
    "RunOnlyIfIdle": "false",
    "WakeToRun": "false",
    "ExecutionTimeLimit": "PT72H",
    "Priority": "7",
    "RunLevel": "LeastPrivilege",
    "StopAtDurationEnd": "false",
}
"""What the schema says an absent element means."""
OURS_ALONE = ("Triggers/", "Actions/")
"""Where something more than we have asked for starts the robot otherwise, or something else."""


def task_xml(plan: Plan) -> str:
    """Return the task: both triggers of the account's session, run only while it is logged on, never twice at once."""
    # Within triggers the schema wants this order: the scheduler stores a broken task, only to never run it.
    # What has a default is said all the same: by `DEFAULTS` a battery or the 72nd hour would end the robot.
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="{NAMESPACE}">
  <RegistrationInfo>
    <Description>Runs the robot of {escape(plan.config)} while the orchestrator has jobs for it.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>{_repetition(plan)}
      <UserId>{escape(plan.account)}</UserId>
    </LogonTrigger>
    <SessionStateChangeTrigger>
      <Enabled>true</Enabled>{_repetition(plan)}
      <UserId>{escape(plan.account)}</UserId>
      <StateChange>{CONNECTIONS[plan.connect]}</StateChange>
    </SessionStateChangeTrigger>
    <EventTrigger>
      <Enabled>true</Enabled>
      <Subscription>{escape(_after_exit_code(plan))}</Subscription>
      <Delay>{AGAIN_AFTER}</Delay>
    </EventTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{escape(plan.account)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
      <RestartOnIdle>false</RestartOnIdle>
    </IdleSettings>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>{PRIORITY}</Priority>
    <RestartOnFailure>
      <Interval>{RETRY_AFTER}</Interval>
      <Count>{RETRIES}</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(plan.python)}</Command>
      <Arguments>{escape(command_line(plan.arguments))}</Arguments>
      <WorkingDirectory>{escape(plan.folder)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


def command_line(arguments: tuple[str, ...]) -> str:
    """Return arguments as Windows programs split them; paths hold no quotation marks there."""
    return " ".join(f'"{each}"' if not each or " " in each or "\t" in each else each for each in arguments)


def differences(
    installed: str, wanted: str, same_account: Callable[[str, str], bool] = lambda one, other: one == other
) -> list[str]:
    """Return what an installed task says otherwise, an empty list where nothing is.

    Args:
        installed: The task as the scheduler gives it back. It leaves out what is its default anyway, writes an account
            as a name or as its number, and adds author, date and settings of its own: none of that is a difference.
        wanted: The task as it was given to it.
        same_account: Whether two texts name one account.

    Raises:
        ScheduleError: What is installed is no task.
    """
    theirs, ours = _leaves(installed), _leaves(wanted)
    added = [place for place in theirs if place not in ours and place.startswith(OURS_ALONE)]
    found = []
    for place in (*ours, *added):
        name = place.rpartition("/")[2]
        there, here = theirs.get(place, DEFAULTS.get(name)), ours.get(place)
        is_same = same_account(there or "", here or "") if name == "UserId" else there == here
        if not is_same:
            found.append(f"{place}: {_or_nothing(there)} instead of {_or_nothing(here)}")
    return found


def _repetition(plan: Plan) -> str:
    if plan.every_min is None:
        return ""
    return f"""
      <Repetition>
        <Interval>PT{plan.every_min}M</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>"""


def _after_exit_code(plan: Plan) -> str:
    """Return the event of a run that ended with the code; the scheduler itself restarts only what could not start."""
    ended = "*[System[EventID=201]]"
    of_this = f"*[EventData[Data[@Name='TaskName']='\\{plan.name}' and Data[@Name='ResultCode']='{UNREACHABLE}']]"
    path = "Microsoft-Windows-TaskScheduler/Operational"
    select = f'<Select Path="{path}">{ended} and {of_this}</Select>'
    return f'<QueryList><Query Id="0" Path="{path}">{select}</Query></QueryList>'


def _leaves(text: str) -> dict[str, str]:
    """Return every element that holds a text, by its place; a second one of the same name gets a number."""
    try:
        # The declaration names an encoding, which a text has no longer.
        content = text.partition("?>")[2] if text.lstrip("\ufeff").startswith("<?xml") else text
        root = ElementTree.fromstring(content)  # noqa: S314 - the scheduler's own, of this account
    except ElementTree.ParseError as error:
        raise ScheduleError(f"what is installed is not a task of the scheduler: {error}") from error
    found: dict[str, str] = {}
    _collect(root, "", found)
    return found


def _collect(element: ElementTree.Element, place: str, found: dict[str, str]) -> None:
    for child in element:
        name = child.tag.rpartition("}")[2]
        here = f"{place}/{name}" if place else name
        if len(child):
            _collect(child, here, found)
        else:
            found[here if here not in found else f"{here} (another)"] = (child.text or "").strip()


def _or_nothing(value: str | None) -> str:
    return "nothing" if value is None else repr(value)
