"""What scripts ask of a running robot, and what it does for them. Used from the first such question on."""
