"""Started by path, in the script's own interpreter; see `host.py`, which Python keeps in compiled form."""

import sys

sys.path.insert(0, __file__[: -len("start_host.py")])
import host

del sys.path[0], sys.modules["host"]
host.main()
