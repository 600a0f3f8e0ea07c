"""What people look at: drawings of machines, files for the tools of analysts, event logs, the player; all pure but for the browser."""
