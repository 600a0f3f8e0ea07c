"""The fixtures of docs/testing.md."""

pytest_plugins = ["fsm_robot.testing.plugin"]
