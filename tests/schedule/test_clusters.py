from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from fsm_robot.schedule.clusters import ACCOUNT, ARGUMENTS, CLUSTERS, compose, dns_name, kubernetes
from fsm_robot.schedule.plan import Container, Plan
from fsm_robot.schedule.units import cron

PLAN = Plan("Anna_1.робот", "python", "/r/robot.toml", "/r", every_min=7, stop_grace_s=45)
CONTAINER = Container("registry.example:5000/robots/anna@sha256:0123", 768, 90)
FOLDERS = [
    "/r",
    "/папка с пробелом",
    "C:\\robots\\anna",
    "/a $HOME ${x} {{y}}",
    "/a: - #b",
    "/a\"b'c",
    "/a\nb: 1",
    "/\x7f",
]


def plan_in(folder: str) -> Plan:
    return Plan("anna", "python", f"{folder}/robot.toml", folder)


def test_cronjob_runs_once_at_a_time_and_never_again_by_itself() -> None:
    """What keeps one GUID to one robot, and a failed run from being repeated before its trace was looked at."""
    claim, job = yaml.safe_load_all(kubernetes(PLAN, CONTAINER))

    spec, run = job["spec"], job["spec"]["jobTemplate"]["spec"]
    pod = run["template"]["spec"]
    (robot,) = pod["containers"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("*/7 * * * *", "Forbid")
    assert (run["backoffLimit"], run["activeDeadlineSeconds"], pod["restartPolicy"]) == (0, 5400, "Never")
    assert pod["terminationGracePeriodSeconds"] == 75
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (ACCOUNT, True)
    assert robot["securityContext"]["readOnlyRootFilesystem"] is True
    assert (robot["image"], tuple(robot["args"])) == (CONTAINER.image, ARGUMENTS)
    assert robot["resources"]["limits"] == {"memory": "768Mi"}
    assert {each["name"] for each in robot["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@pytest.mark.skipif(os.name == "nt", reason="the validator's compiled part does not load under Wine")
@pytest.mark.parametrize("folder", FOLDERS)
def test_compose_file_is_one_by_its_schema_whatever_the_folder_is_called(tmp_path: Path, folder: str) -> None:
    """The schema is that of the Compose specification; a name of a folder neither ends a text nor is replaced."""
    file = tmp_path / "compose.yaml"
    file.write_text(compose(plan_in(folder), CONTAINER), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    robot = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]["robot"]
    assert robot["volumes"][1]["source"].replace("$$", "$") == folder
    assert (robot["read_only"], robot["stop_grace_period"], robot["restart"]) == (True, "90s", "unless-stopped")
    assert (robot["user"], tuple(robot["command"])) == (f"{ACCOUNT}:{ACCOUNT}", ARGUMENTS)


@pytest.mark.skipif(os.name == "nt", reason="the validator's compiled part does not load under Wine")
def test_compose_schema_notices_what_is_wrong(tmp_path: Path) -> None:
    """Else it would prove nothing."""
    file = tmp_path / "compose.yaml"
    file.write_text(compose(PLAN, CONTAINER).replace("read_only: true\n    cap", "read_onli: true\n    cap"))

    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    ("every_min", "expected"),
    [
        (None, "*/5 * * * *"),
        (1, "*/1 * * * *"),
        (59, "*/59 * * * *"),
        (60, "0 */1 * * *"),
        (90, "0 */1 * * *"),
        (1440, "0 0 * * *"),
    ],
)
def test_cron_starts_it_at_least_as_often_as_asked(every_min: int | None, expected: str) -> None:
    """A step of 60 minutes or more in the field of minutes would mean once an hour."""
    assert cron(Plan("a", "python", "c", "f", every_min=every_min)) == expected


@pytest.mark.parametrize("name", ["fsm_robot", "A", "anna-", "a" * 100, "a_-.b"])
def test_names_are_such_as_kubernetes_allows(name: str) -> None:
    """Small letters and digits at both ends; a CronJob's name has 52 characters."""
    made = dns_name(name)

    assert 1 <= len(made) <= 52
    assert all(part.isalnum() and part.islower() for part in made.split("-"))


@pytest.mark.parametrize(
    "name", ["123", "1e5", "0x1f", "0o7", "1.5", "1_000", "2024-01-01", "null", "yes", "No", "on", "Y", "_", "a" * 60]
)
@pytest.mark.parametrize("make", [kubernetes, compose])
def test_name_is_a_text_wherever_it_stands(make: Callable[[Plan, Container], str], name: str) -> None:
    """Readers of YAML differ in which words are numbers, moments or truths: in quotes none is, for any of them."""
    made = dns_name(name)
    document = make(Plan(name, "python", "/r/robot.toml", "/r"), CONTAINER)

    nodes = [node for root in yaml.compose_all(document) for node in scalars(root)]
    named = [node for node in nodes if node.value in (made, f"{made}-state", f"{made}-guid")]
    assert len(named) >= 3
    assert {node.style for node in named} == {'"'}


def scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield the values of a document."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from scalars(each)
    elif isinstance(node, yaml.MappingNode):
        for _, each in node.value:
            yield from scalars(each)


def test_folder_may_be_called_by_every_character() -> None:
    """Each that a name of a file can hold; of surrogates none can be written."""
    numbers = (number for number in range(1, 0x11000) if not 0xD800 <= number <= 0xDFFF)
    folder = f"/{''.join(map(chr, numbers))}\U0010ffff"

    robot = yaml.safe_load(compose(plan_in(folder), CONTAINER))["services"]["robot"]

    assert robot["volumes"][1]["source"].replace("$$", "$") == folder


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_no_text_for_a_cluster_knows_the_password(cluster: str, tmp_path: Path) -> None:
    """Nor needs it: the settings may be without one, since the cluster gives it to the container."""
    guid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    for credential in ("", f'robot_guid = "{guid}"\n'):
        (tmp_path / "robot.toml").write_text(f'[orchestrator]\nurl = "http://127.0.0.1:1"\n{credential}')
        command = [sys.executable, "-m", "fsm_robot", "schedule", "show", "--for", cluster]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)

        assert (done.returncode, done.stderr) == (0, "")
        assert guid not in done.stdout
        assert "FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID_FILE" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["install", "--for", "nomad"], "--for: goes with show"),
        (["show", "--for", "nomad", "--image", 'a"b'], "--image: must be the name of an image"),
        (["show", "--for", "nomad", "--memory", "1"], "--memory: must be from 64"),
        (["show", "--for", "kubernetes", "--deadline", "0"], "--deadline: must be from 1"),
        (["show", "--for", "cron"], "invalid choice"),
        *((["show", "--for", cluster, "--watch"], "--for: describes a robot") for cluster in CLUSTERS),
        *(
            (["show", "--for", each, "--deadline", "5"], "--deadline: goes with")
            for each in ("nomad", "docker-compose")
        ),
        *(
            ([action, option, value], said)
            for action in ("show", "check", "install", "remove")
            for option, value, said in (
                ("--image", "a", "--image and --memory: go with --for"),
                ("--memory", "600", "--image and --memory: go with --for"),
                ("--deadline", "5", "--deadline: goes with --for kubernetes"),
            )
        ),
    ],
)
def test_wrong_option_is_told_in_a_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "robot.toml").write_text(f"[orchestrator]\nurl = {json.dumps('http://127.0.0.1:1')}\n")
    command = [sys.executable, "-m", "fsm_robot", "schedule", *arguments]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert said in done.stderr
