"""Repairs taken back, one patch each, and the driver that shows each of them to the instrument. `make rough-undone`.

A patch begins with lines of its own: `kind:` is where it must be found, `finds:` a word of the sentence that tells it.
"""
