"""A plan as Kubernetes, Nomad and Docker Compose read it: one run of a container, never two at once. Pure.

The image is that of the Dockerfile, which decides the places below. The robot's GUID is in none of these texts: the
cluster keeps it, and gives it to the container as a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from fsm_robot.schedule.plan import Container, Plan
from fsm_robot.schedule.units import SPARE_S, USUAL_EVERY_MIN, cron

CONFIG = "/robot/robot.toml"
STORAGE = "/state"
SECRET_FOLDER, SECRET_FILE = "/run/secrets", "robot-guid"
ACCOUNT = 10001
"""Number of the image's account and group: a cluster cannot tell from a name that it is not root."""
ARGUMENTS = ("run", "--scheduled", "--config", CONFIG)
"""What the image's entry command gets. Not `--quiet`: a cluster collects what is printed."""
LONGEST_NAME = 52
"""Kubernetes appends eleven characters to a CronJob's name, and a name has 63."""
STORAGE_SIZE = "2Gi"


def kubernetes(plan: Plan, container: Container) -> str:
    """Return a CronJob and the claim for its storage."""
    name = dns_name(plan.name)
    return f"""# The GUID of the robot, once, from a file that holds nothing else:
#   kubectl create secret generic {name}-guid --from-file={SECRET_FILE}=FILE
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {_text(name + "-state")}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: {STORAGE_SIZE}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {_text(name)}
spec:
  schedule: {_text(cron(plan))}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: {_every_s(plan)}
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      # A run that failed is not repeated by itself: the next one begins with what this one has left.
      backoffLimit: 0
      activeDeadlineSeconds: {container.deadline_min * 60}
      template:
        spec:
          restartPolicy: Never
          # The Orchestrator sees one computer, not a new one at each start.
          hostname: {_text(name)}
          automountServiceAccountToken: false
          terminationGracePeriodSeconds: {_grace_s(plan)}
          securityContext:
            runAsNonRoot: true
            runAsUser: {ACCOUNT}
            runAsGroup: {ACCOUNT}
            fsGroup: {ACCOUNT}
            seccompProfile:
              type: RuntimeDefault
          containers:
            - name: robot
              image: {_text(container.image)}
              args: {_list(ARGUMENTS)}
              env:
                - name: FSM_ROBOT_STORAGE_DIRECTORY
                  value: {STORAGE}
                - name: FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID_FILE
                  value: {SECRET_FOLDER}/{SECRET_FILE}
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities:
                  drop: [ALL]
              # No limit of the processor's time: heartbeats would wait for it too.
              resources:
                requests:
                  cpu: 100m
                  memory: {container.memory_mib}Mi
                limits:
                  memory: {container.memory_mib}Mi
              volumeMounts:
                - name: state
                  mountPath: {STORAGE}
                - name: guid
                  mountPath: {SECRET_FOLDER}
                  readOnly: true
                - name: tmp
                  mountPath: /tmp
          volumes:
            - name: state
              persistentVolumeClaim:
                claimName: {_text(name + "-state")}
            - name: guid
              secret:
                secretName: {_text(name + "-guid")}
                defaultMode: 0440
            - name: tmp
              emptyDir: {{}}
"""


def nomad(plan: Plan, container: Container) -> str:
    """Return a periodic batch job. Nomad has no longest time for a run."""
    name = dns_name(plan.name)
    return f"""# The GUID of the robot, once, from a file that holds nothing else:
#   nomad var put nomad/jobs/{name} robot_guid="$(cat FILE)"
# The client needs a host volume "{name}-state" that belongs to {ACCOUNT}, and max_kill_timeout of {_grace_s(plan)}s.
job "{name}" {{
  type = "batch"

  periodic {{
    crons            = [{_text(cron(plan))}]
    prohibit_overlap = true
  }}

  group "robot" {{
    count = 1

    # A run that failed is not repeated by itself: the next one begins with what this one has left.
    restart {{
      attempts = 0
      mode     = "fail"
    }}

    reschedule {{
      attempts  = 0
      unlimited = false
    }}

    volume "state" {{
      type      = "host"
      source    = "{name}-state"
      read_only = false
    }}

    task "robot" {{
      driver       = "docker"
      user         = "{ACCOUNT}:{ACCOUNT}"
      kill_signal  = "SIGTERM"
      kill_timeout = "{_grace_s(plan)}s"

      config {{
        image           = {_hcl(container.image)}
        args            = {_list(ARGUMENTS)}
        hostname        = "{name}"
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]

        mount {{
          type     = "tmpfs"
          target   = "/tmp"
          readonly = false
        }}
      }}

      env {{
        FSM_ROBOT_STORAGE_DIRECTORY            = "{STORAGE}"
        FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID_FILE = "${{NOMAD_SECRETS_DIR}}/{SECRET_FILE}"
      }}

      template {{
        destination = "${{NOMAD_SECRETS_DIR}}/{SECRET_FILE}"
        data        = "{{{{ with nomadVar \\"nomad/jobs/{name}\\" }}}}{{{{ .robot_guid }}}}{{{{ end }}}}"
        perms       = "0400"
        uid         = {ACCOUNT}
        gid         = {ACCOUNT}
      }}

      volume_mount {{
        volume      = "state"
        destination = "{STORAGE}"
      }}

      resources {{
        cpu    = 100
        memory = {container.memory_mib}
      }}
    }}
  }}
}}
"""


def compose(plan: Plan, container: Container) -> str:
    """Return a service. Compose has no clock: the robot itself waits for jobs, and is started again when it ends."""
    name = dns_name(plan.name)
    return f"""# The GUID of the robot is the one line of the file {SECRET_FILE} beside this one:
#   chown {ACCOUNT} {SECRET_FILE} && chmod 400 {SECRET_FILE}
name: {_text(name)}
services:
  robot:
    image: {_compose(container.image)}
    # One name, one container: a second `up` starts no second robot.
    container_name: {_text(name)}
    hostname: {_text(name)}
    command: {_list(ARGUMENTS)}
    restart: unless-stopped
    stop_signal: SIGTERM
    stop_grace_period: {_grace_s(plan)}s
    user: "{ACCOUNT}:{ACCOUNT}"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: {container.memory_mib}m
    environment:
      FSM_ROBOT_STORAGE_DIRECTORY: {STORAGE}
      FSM_ROBOT_SESSION_IDLE_WAIT_S: "{_every_s(plan)}"
      FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID_FILE: {SECRET_FOLDER}/{SECRET_FILE}
    secrets: [{SECRET_FILE}]
    tmpfs: [/tmp]
    volumes:
      - type: volume
        source: state
        target: {STORAGE}
      - type: bind
        source: {_compose(plan.folder)}
        target: /robot
        read_only: true
volumes:
  state: {{}}
secrets:
  {SECRET_FILE}:
    file: ./{SECRET_FILE}
"""


CLUSTERS: Mapping[str, Callable[[Plan, Container], str]] = {
    "kubernetes": kubernetes,
    "nomad": nomad,
    "docker-compose": compose,
}


def dns_name(name: str) -> str:
    """Return a name as Kubernetes and host names allow it: small letters, digits and inner dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:LONGEST_NAME].strip("-")


def _every_s(plan: Plan) -> int:
    return (plan.every_min or USUAL_EVERY_MIN) * 60


def _grace_s(plan: Plan) -> int:
    return round(plan.stop_grace_s) + SPARE_S


def _list(words: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, words))}]"


def _text(text: str) -> str:
    """Return a text in quotes as JSON, YAML and HCL all read it; without them a name such as `123` would be none."""
    # YAML does not take the control characters, nor what is no character, that JSON leaves as they are.
    return re.sub(
        "[\x7f-\x9f\u2028\u2029\ufffe\uffff]",
        lambda each: f"\\u{ord(each[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


def _hcl(text: str) -> str:
    """Return a text in which HCL replaces nothing."""
    return _text(text.replace("${", "$${").replace("%{", "%%{"))


def _compose(text: str) -> str:
    """Return a text in which Compose replaces nothing."""
    return _text(text.replace("$", "$$"))
