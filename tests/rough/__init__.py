"""The instrument that is rough to the real robot: real processes, a server of raw bytes, real limits, signals and disks."""
