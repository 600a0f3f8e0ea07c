"""`python -m fsm_robot`."""

from fsm_robot.cli import entry

if __name__ == "__main__":
    entry()
