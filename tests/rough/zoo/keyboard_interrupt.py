"""A KeyboardInterrupt that nobody asked for."""
import mark

raise KeyboardInterrupt
