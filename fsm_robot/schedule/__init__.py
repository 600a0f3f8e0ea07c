"""How the robot is started by the system's own scheduler: what is written there, and whether it still is."""
