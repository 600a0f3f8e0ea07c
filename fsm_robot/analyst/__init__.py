"""What people look at: drawings of machines, formats, event logs, the player. Pure but for the browser."""
