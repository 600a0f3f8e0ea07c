"""What the scheduler is asked for, whichever scheduler it is."""

from __future__ import annotations

import attrs


@attrs.frozen
class Container:
    """What a cluster is asked for besides, when the robot runs in a container there.

    Attributes:
        image: The image with the robot, its robot.toml and its scripts.
        memory_mib: The most that the robot and its scripts may use together.
        deadline_min: A run that lasts longer is told to leave.
    """

    image: str
    memory_mib: int = 512
    deadline_min: int = 24 * 60


@attrs.frozen
class Plan:
    r"""One scheduled robot.

    Attributes:
        name: What the task or unit is called.
        python: The interpreter itself: a shim would put a second process before the robot.
        program: What the interpreter gets to be this program: its module, or a file, see `system/program.py`.
        config: Absolute path of robot.toml.
        folder: Working folder: that of robot.toml.
        account: Whose session it runs in, `DOMAIN\user`.
        connect: Which connection to the session starts it under Windows: `remote` or `local`.
        every_min: Started again this often while the account is logged on, or None.
        watches: A fleet.toml: what is scheduled is its watcher, and no robot.
        stop_grace_s: What a script gets to leave when the robot is stopped.
    """

    name: str
    python: str
    config: str
    folder: str
    account: str = ""
    connect: str = "remote"
    every_min: int | None = None
    stop_grace_s: float = 60.0
    watches: str = ""
    program: tuple[str, ...] = ("-m", "fsm_robot")

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the interpreter gets; `-I` keeps the account's own Python variables and folders out."""
        if self.watches:
            return ("-I", *self.program, "fleet", "watch", "--quiet", self.watches)
        return ("-I", *self.program, "run", "--scheduled", "--quiet", "--config", self.config)
