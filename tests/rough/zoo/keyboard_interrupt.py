"""A KeyboardInterrupt that nobody asked for."""

import mark

mark.began()
raise KeyboardInterrupt
