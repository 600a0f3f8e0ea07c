"""A plan as a systemd user service with its timer, and as a line of a crontab. Pure."""

from __future__ import annotations

import shlex

from fsm_robot.schedule.plan import Plan

USUAL_EVERY_MIN = 5
HOURS_OF_A_DAY = 24
SPARE_S = 30
"""What the robot gets to report, on top of the script's grace time."""


def service(plan: Plan) -> str:
    """Return the service: one run of the robot, started again by itself only when the orchestrator was unreachable."""
    command = " ".join(map(_word, (plan.python, *plan.arguments)))
    return f"""[Unit]
Description=Robot of {_plain(plan.config)}

[Service]
Type=exec
WorkingDirectory={_plain(plan.folder)}
ExecStart={command}
# 5: another run is at it. 6: it was told to leave.
SuccessExitStatus=5 6
Restart=on-failure
RestartSec=300
RestartPreventExitStatus=1 2 3
# The robot stops its script itself, and what it leaves is ended with it.
KillMode=mixed
TimeoutStopSec={round(plan.stop_grace_s) + SPARE_S}
"""


def timer(plan: Plan) -> str:
    """Return the timer that starts the service after the log-in and again some time after each end."""
    return f"""[Unit]
Description=Starts the robot of {_plain(plan.config)}

[Timer]
OnStartupSec=10s
OnUnitInactiveSec={plan.every_min or USUAL_EVERY_MIN}min
Unit={plan.name}.service

[Install]
WantedBy=timers.target
"""


def crontab_line(plan: Plan) -> str:
    """Return a line for `crontab -e`, where there is no systemd; a percent sign ends the command there."""
    command = f"cd {shlex.quote(plan.folder)} && {shlex.join((plan.python, *plan.arguments))}"
    return f"{cron(plan)} {command.replace('%', chr(92) + '%')}"


def cron(plan: Plan) -> str:
    """Return when it starts as the five fields of cron.

    These cannot say every interval: it starts then at least as often as it was asked to, which costs an idle wake-up.
    """
    hours, minutes = divmod(plan.every_min or USUAL_EVERY_MIN, 60)
    if not hours:
        return f"*/{minutes} * * * *"
    return f"0 {f'*/{hours}' if hours < HOURS_OF_A_DAY else 0} * * *"


def _word(text: str) -> str:
    """Return a word of ExecStart: quoted, with what systemd would replace written twice."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t\"'\\;") else escaped


def _plain(text: str) -> str:
    return text.replace("%", "%%")
