"""The old home of `fsm_robot.engine.Event`; see `events.py`."""
