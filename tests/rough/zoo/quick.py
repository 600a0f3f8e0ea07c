"""Prints a line and ends."""
import mark

print("готово")
