"""An atexit hook that looks how the script ended: exceptions are seen there in plain Python."""

import atexit
import sys

import mark

mark.began()


def look():
    mark.note("last_type", getattr(getattr(sys, "last_type", None), "__name__", "none"))


atexit.register(look)
raise ValueError("on purpose")
