"""Modules beside the script are the script's: here is a folder with its own signal, os, ctypes and the like."""

import time

import mark

mark.began()
mark.note("waiting")
try:
    while mark.VALUES.get("waits") and not mark.over():
        time.sleep(0.05)
except KeyboardInterrupt:
    mark.note("cleaned")
