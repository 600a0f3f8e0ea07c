"""Prints a line and ends."""

import mark

mark.began()
print("готово")
