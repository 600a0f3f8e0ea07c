"""Fails with a sentence that would paint a terminal, ring its bell and break a line of the log."""

import mark

mark.began()
raise ValueError("красное: \x1b[2J\x1b]0;title\x07 \x9b31m \u202e и\r\nконец")
