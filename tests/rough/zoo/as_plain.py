"""Looks at itself as plain Python would let it see; exit 1 where something is different."""

import os
import sys
import warnings

import mark

mark.began()
wrong = []
if __name__ != "__main__" or os.path.basename(__file__) != "as_plain.py":
    wrong.append(f"name {__name__} {__file__}")
if os.path.basename(sys.argv[0]) != "as_plain.py":
    wrong.append(f"argv {sys.argv}")
depth, frame = 1, sys._getframe().f_back
while frame is not None:
    depth += 1
    frame = frame.f_back
if depth != 1:
    wrong.append(f"{depth} frames")
if sys.path[0] != os.path.dirname(os.path.abspath(__file__)):
    wrong.append(f"path {sys.path[0]}")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("seen", stacklevel=2)
if "host" in os.path.basename(caught[0].filename):
    wrong.append(f"warning {caught[0].filename}")
sys.exit("; ".join(wrong) or 0)
