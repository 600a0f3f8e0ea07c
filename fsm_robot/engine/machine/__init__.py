"""What may happen next: the machine file, its checks, and the machine that executes it. No I/O."""
