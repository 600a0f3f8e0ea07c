"""Finds the user's own PYTHONIOENCODING, where there is one."""

import os
import sys

import mark

mark.began()
wanted = os.environ.get("ROUGH_ENCODING")
found = os.environ.get("PYTHONIOENCODING")
sys.exit(0 if not wanted or found == wanted else f"found {found}")
