"""What `python fsm-robot.pyz` runs: it unpacks its version once per account, and goes on from there.

Read by any Python, also by one that is too old for the rest. It is compiled at each start, so it is short.
"""

import os
import sys

NAME = "@NAME@"


def folder():
    """Return the private folder of this version: of this account alone, and not where a cleaner of caches comes."""
    if sys.platform == "win32":
        base, wanted = os.environ.get("LOCALAPPDATA", ""), "LOCALAPPDATA"
    else:
        base, wanted = os.environ.get("XDG_DATA_HOME", "") or os.path.expanduser("~/.local/share"), "XDG_DATA_HOME"
    if not os.path.isabs(base):
        sys.exit("fsm-robot.pyz: this account has no folder for programs; name one of its own in " + wanted)
    return os.path.join(base, "fsm_robot", NAME)


def compiled(path):
    """Return the first module, the index and the code of all; ValueError where the file is not as it was written."""
    import _imp
    import marshal
    import mmap

    with open(path, "rb") as stream:
        content = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    after = 24 + int.from_bytes(content[:8], "little")
    head = content[24:after]
    if int.from_bytes(content[8:16], "little") != len(content) or _imp.source_hash(0, head) != content[16:24]:
        raise ValueError
    return (*marshal.loads(head), content[after:])


def main(program, place=""):
    """Run the command line; `program` is what was started, `place` the launcher's folder."""
    if sys.version_info < (3, 11):
        this = "%d.%d: %s" % (sys.version_info[0], sys.version_info[1], sys.executable)
        sys.exit("fsm-robot.pyz: needs Python 3.11 or newer, this is " + this)
    import _frozen_importlib_external as machinery

    home, archive = folder(), os.path.dirname(os.path.abspath(__file__))
    modules = os.path.join(home, "modules-" + machinery.MAGIC_NUMBER[:2].hex())
    try:
        facts = os.stat(home)
        if sys.platform != "win32" and (facts.st_uid != os.geteuid() or facts.st_mode & 0o022):
            raise OSError  # what is wrong there is said by what unpacks
        begin, index, code = compiled(modules)
    except (OSError, ValueError):  # not unpacked yet, half of it, or damaged since
        import unpack  # beside this file, in the archive

        unpack.unpack(archive, home, modules)
        begin, index, code = compiled(modules)
    sys.path[:] = [entry for entry in sys.path if entry != archive]  # else each import would ask it first
    exec(begin, {"CODE": code, "INDEX": index, "HOME": home, "PROGRAM": program, "PLACE": place})


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[0]))
