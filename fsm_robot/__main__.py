"""`python -m fsm_robot`, and what the installed command calls."""

import gc

# Collecting garbage while modules load finds none and costs a tenth of the start; so before the first of them.
gc.disable()

from fsm_robot.cli import entry  # noqa: E402

if __name__ == "__main__":
    entry()
