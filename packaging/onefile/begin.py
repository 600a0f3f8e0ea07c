"""The first module of the file of compiled modules: it finds the others in memory, and starts the command line.

`__main__.py` gives it the global names below; INDEX says of each module whether it is a package, which file below HOME
it came from, where in CODE its code begins and ends, and what its digest is. One file is opened instead of three
hundred, which under Windows is most of a start; and what is in memory can be imported whatever becomes of the folder.
"""

from __future__ import annotations

import _imp
import gc
import marshal
import sys
from types import CodeType

import _frozen_importlib as importing
import _frozen_importlib_external as machinery

gc.disable()  # see `fsm_robot/__main__.py`

CODE: memoryview
HOME: str
PROGRAM: str
PLACE: str
INDEX: dict[str, tuple[bool, str, int, int, bytes]]


class _Loader(machinery.SourceFileLoader):  # type: ignore[misc]  # for what asks for sources and files beside them
    def get_code(self, fullname: str) -> CodeType:
        _, _, begin, end, digest = INDEX[fullname]
        if _imp.source_hash(0, CODE[begin:end]) != digest:  # `marshal` of damaged code may end the interpreter
            return super().get_code(fullname)  # from its source
        code = marshal.loads(CODE[begin:end])
        assert isinstance(code, CodeType)
        return code


class _Finder:
    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> object:
        del path, target
        if fullname not in INDEX:
            return None
        is_package, name, *_ = INDEX[fullname]
        file = machinery._path_join(HOME, *name.split("/"))
        spec = importing.ModuleSpec(fullname, _Loader(fullname, file), origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [machinery._path_split(file)[0]]
        return spec


sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]  # before what else this Python may have of the same names

from fsm_robot.system import program

program.started_from(PROGRAM, PLACE)

from fsm_robot.cli import entry

entry()
