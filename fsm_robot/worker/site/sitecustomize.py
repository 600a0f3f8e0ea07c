"""What `site` imports at the start of a script's Python, and of each Python that the script starts; see `host.py`.

The folder of this file stands first in PYTHONPATH, and nothing else is in it. It leaves `sys.path` here, before the
script is looked at, so nobody finds it there. Python 2 reads this, too, where a script starts one.
"""

import os
import sys

_folder = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _folder]
sys.path_importer_cache.pop(_folder, None)
_this = sys.modules.pop("sitecustomize", None)  # kept, for Python 2 clears a module that nobody has
if sys.version_info >= (3, 7):  # noqa: UP036 - older ones do not have what the host needs
    _name, _file = "fsm_robot.worker.host", os.path.join(os.path.dirname(_folder), "host.py")
    _host = {"__name__": _name, "__file__": _file}
    # Not imported: the name of a module might be taken. The loader keeps the compiled form, as for an import.
    exec(type(__loader__)(_name, _file).get_code(_name), _host)
    _host["begin"]()
# Found now is the one that Python finds without us; where there is none, `site` expects exactly this error.
import sitecustomize  # noqa: E402, F401
