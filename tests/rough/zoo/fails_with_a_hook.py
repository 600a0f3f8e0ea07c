"""An exception, and then an atexit hook that prints something else."""

import atexit

import mark

mark.began()
atexit.register(print, "goodbye from the hook")
raise ValueError("нет такого счёта")
