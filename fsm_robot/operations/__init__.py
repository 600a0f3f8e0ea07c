"""What an operator looks at: what a robot does now, what it did, what its scripts printed, whether it could work."""
