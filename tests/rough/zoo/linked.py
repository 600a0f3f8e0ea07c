"""Is reached by a link, and keeps the link's name."""

import os
import sys

import mark

mark.began()
names = os.path.basename(__file__), os.path.basename(sys.argv[0])
sys.exit(0 if names == ("linked.py", "linked.py") else f"called {names}")
