"""A script under the robot against the same script started by hand: docs/scripts.md has the table."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import attrs
import pytest

from fsm_robot.worker import job_folder
from fsm_robot.worker.environment import HOST_FOLDER, HOST_VARIABLE, script_environment
from fsm_robot.worker.job_folder import JobFolder
from fsm_robot.worker.names import resolve_script
from tests.fakes.processes import under_wine
from tests.fakes.pythons import OTHERS, python

ROOT = Path(__file__).parents[2]
POSIX_ONLY = {"terminated", "terminated by another", "forked child", "fork warns", "signals"}
# What the robot gives a script is no secret; everything else is as it was.
GIVEN = ("FSM_ROBOT_JOB", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONIOENCODING")

SCRIPTS = {
    "names": "import sys\nprint(__name__, __file__, __doc__, __package__, __spec__, __loader__.__class__, sys.argv, sys.orig_argv if hasattr(sys, 'orig_argv') else '')\nprint(sorted(k for k in globals() if k != 'sys'))",
    "main module": dedent("""\
        import sys, pickle
        class C: pass
        assert sys.modules['__main__'].C is C
        print(type(pickle.loads(pickle.dumps(C()))).__module__)
    """),
    "path": dedent("""\
        import sys
        print(sys.path, sys.flags, sys.warnoptions, sys._xoptions, sorted(map(str, sys.path_importer_cache)))
        print([f for f in map(str, sys.meta_path) if '_JobModule' not in f and ' at ' not in f])
    """),
    "modules": "import sys\nprint(sorted(set(sys.modules) - {'atexit'}))",
    "environment": f"import os\nprint(sorted((k, v) for k, v in os.environ.items() if k not in {GIVEN}))",
    "hooks": "import sys, threading\nprint(sys.excepthook is sys.__excepthook__, sys.stdout is sys.__stdout__, sys.gettrace(), sys.getprofile(), sys.displayhook is sys.__displayhook__)",
    "traceback": dedent("""\
        def f():
            return {}['iban']

        try:
            f()
        finally:
            print('cleaned')
    """),
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('no') from e",
    "group": dedent("""\
        import sys
        if sys.version_info < (3, 11): raise SystemExit
        e = ExceptionGroup('many', [ValueError(1), KeyError('x')]); e.add_note('a note'); raise e
    """),
    "stack": dedent("""\
        import traceback, inspect, sys
        print(sys._getframe().f_back)
        traceback.print_stack()
        def f(): print(inspect.stack()[-1].filename == __file__, len(inspect.stack()))
        f()
    """),
    "depth": dedent("""\
        import sys
        def f(n):
            global deepest
            deepest = n
            f(n + 1)
        try: f(1)
        except RecursionError: print(deepest, sys.getrecursionlimit())
    """),
    "warning": dedent("""\
        import warnings
        warnings.warn('here')
        warnings.warn('above', stacklevel=2)
        def f(): warnings.warn('caller', stacklevel=2); warnings.warn('out', stacklevel=9)
        f()
    """),
    "syntax error": dedent("""\
        print('a'
        x = = 2
    """),
    "no text": "\ufeffprint(1)\0",
    "exit text": "import sys; sys.exit('конец: плохо')",
    "exit code": "import sys; sys.exit(42)",
    "exit none": "import sys; sys.exit()",
    "exit true": "raise SystemExit(True)",
    "exit thing": "raise SystemExit([1, 2])",
    "hard exit": "import os, sys; print('x', flush=True); os._exit(7)",
    "atexit": "import atexit; atexit.register(print, 'first'); atexit.register(print, 'second'); print('main')",
    "atexit fails": "import atexit; atexit.register(lambda: 1 / 0); print('main')",
    "last exception": dedent("""\
        import atexit, sys
        atexit.register(lambda: print(sys.last_type, sys.last_value, sys.last_traceback.tb_frame.f_code.co_name))
        open('nowhere')
    """),
    "interrupt": "import atexit; atexit.register(print, 'at exit')\nraise KeyboardInterrupt",
    "interrupt sent": dedent("""\
        import signal, time, sys
        if sys.platform == 'win32': signal.raise_signal(signal.SIGINT)
        else: import os; os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    """),
    "terminated": dedent("""\
        import atexit, os, signal, time
        atexit.register(print, 'at exit')
        try:
            os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)
        finally: print('finally')
    """),
    "terminated by another": "import os, subprocess, time\nsubprocess.Popen(['kill', str(os.getpid())]); time.sleep(60)",
    "signals": "import signal\nprint([(s, signal.getsignal(s)) for s in signal.Signals if s != signal.SIGTERM], signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    "thread": dedent("""\
        import threading, time
        def late():
            time.sleep(0.2); print('late')
        threading.Thread(target=late).start(); print('main over', threading.active_count())
    """),
    "failing thread": "import threading\nthreading.Thread(target=lambda: 1 / 0, name='t').start()",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__, a[2].tb_frame.f_code.co_filename.endswith('script.py'))\n1 / 0",
    "spawn": dedent("""\
        import multiprocessing as m
        def square(x): return x * x
        if __name__ == '__main__':
            with m.get_context('spawn').Pool(2) as pool: print(pool.map(square, [1, 2, 3]))
    """),
    "executor": dedent("""\
        from concurrent.futures import ProcessPoolExecutor as P
        def f(x): return -x
        if __name__ == '__main__':
            with P(2) as p: print(list(p.map(f, [1, 2])))
    """),
    "child": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import sys; print(sys.path, sorted(set(sys.modules) - {\"atexit\"}))'], check=True)\nsubprocess.run([sys.executable, '-c', 'import traceback; traceback.print_stack(); 1 / 0'])",
    "forked child": dedent("""\
        import multiprocessing as m, time
        for _ in range(20):
            c = m.get_context('fork').Process(target=time.sleep, args=(30,))
            c.start(); c.terminate(); c.join(); print(c.exitcode)
    """),
    "fork warns": dedent("""\
        import os, warnings
        warnings.simplefilter('always')
        pid = os.fork()
        if pid == 0: raise KeyError('child')
        print(os.waitpid(pid, 0)[1])
    """),
    "neighbour": "import neighbour; print(neighbour.VALUE)",
    "encoding": "# -*- coding: cp1251 -*-\nprint('привет')",
    "future": "def f(x: 'Missing'): pass\nprint(f.__annotations__)",
    "inspect": dedent("""\
        import inspect, sys
        def f(): return 1
        print(inspect.getsource(f)); print(inspect.getfile(sys.modules['__main__']))
    """),
    "stdin": "import sys; print(repr(sys.stdin.read()))",
    "typed": dedent("""\
        try: input('имя? ')
        except EOFError: print('nobody')
        import io, sys
        sys.stdin = io.StringIO('Анна\\n')
        print(input('имя? '))
        try: input()
        except EOFError as e: print(e)
        try: input(1, 2)
        except TypeError as e: print(e)
    """),
    "debugger": dedent("""\
        import io, os, sys
        os.environ['PYTHONBREAKPOINT'] = '0'
        breakpoint()
        os.environ['PYTHONBREAKPOINT'] = 'builtins.print'
        print(breakpoint('own'))
        del os.environ['PYTHONBREAKPOINT']
        sys.stdin = io.StringIO('p x + 1\\nc\\n')
        x = 1
        breakpoint()
        print(x)
    """),
    "annotations": "x: int = 3\nprint(__annotations__)",
    "dataclass": dedent("""\
        from dataclasses import dataclass
        @dataclass
        class P:
            x: int
        print(P(1))
    """),
    "unraisable": dedent("""\
        class C:
            def __del__(self): 1 / 0
        C()
    """),
}


@attrs.frozen
class Both:
    """Runs scripts of one folder in one Python, by hand and under the robot."""

    folder: Path
    python: str = sys.executable
    variables: dict[str, str] = attrs.field(factory=dict)

    @property
    def job(self) -> JobFolder:
        return JobFolder(self.folder / "job")

    def write(self, text: str, name: str = "script.py", encoding: str = "utf-8") -> Path:
        script = self.folder / "scripts" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(text, encoding=encoding)
        return script

    def environment(self, *, hosted: bool) -> dict[str, str]:
        self.job.path.mkdir(exist_ok=True)
        plain = {name: value for name, value in os.environ.items() if name not in GIVEN}
        plain = {**plain, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1", **self.variables}
        return script_environment(plain, self.job) if hosted else {**plain, "PYTHONUNBUFFERED": "1"}

    def start(self, *arguments: str, hosted: bool = True) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.python, *arguments],
            cwd=self.folder / "scripts",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(hosted=hosted),
        )

    def ended(self, *arguments: str, hosted: bool) -> tuple[int, str, str]:
        process = self.start(*arguments, hosted=hosted)
        out, err = (_comparable(data) for data in process.communicate(timeout=60))
        return process.returncode, out, err

    def by_hand(self, script: Path) -> tuple[int, str, str]:
        return self.ended(str(script), "an argument", hosted=False)

    def hosted(self, script: Path) -> tuple[int, str, str]:
        return self.ended(str(script), "an argument", hosted=True)

    def ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        self.job.raise_stop_flag()
        if os.name == "posix":
            process.send_signal(signal.SIGTERM)


def _comparable(data: bytes) -> str:
    return re.sub(r"\b0x[0-9A-Fa-f]+|\bpid=\d+", "…", data.decode("utf-8", "surrogateescape").replace(os.linesep, "\n"))


def _cases() -> list[str]:
    left_out = (POSIX_ONLY if os.name != "posix" else set()) | ({"executor"} if under_wine() else set())
    return [name for name in SCRIPTS if name not in left_out]


@pytest.fixture(params=[None, *(pytest.param(each, marks=pytest.mark.long) for each in OTHERS)], ids=["own", *OTHERS])
def both(tmp_path: Path, request: pytest.FixtureRequest) -> Both:
    return Both(tmp_path, python(request.param) if request.param else sys.executable)


@pytest.mark.parametrize("name", _cases())
def test_script_behaves_under_the_robot_as_if_started_by_hand(both: Both, name: str) -> None:
    """Exit code, output and error output are the same to the byte, in old and new Pythons."""
    script = both.write(SCRIPTS[name], encoding="cp1251" if name == "encoding" else "utf-8")
    both.write("VALUE = 'сосед'", "neighbour.py")

    by_hand, hosted = both.by_hand(script), both.hosted(script)

    assert hosted == by_hand
    if name in ("terminated", "terminated by another"):
        assert by_hand == (-15, "", "")
    if name.startswith("interrupt") and os.name == "posix":
        assert by_hand[0] == -2


@pytest.mark.parametrize("call", ["input()", "input('имя? ')", "breakpoint()"])
def test_script_that_wants_to_be_typed_to_ends_with_a_sentence(both: Both, call: str) -> None:
    """At once, and with what to do instead; the children of a script have plain Python's own end."""
    script = both.write(f"print('before')\n{call}\nprint('after')")

    code, out, err = both.hosted(script)

    assert code == 1
    assert out.startswith("before\n")
    assert "after" not in out
    assert err.splitlines()[-1].endswith("to debug the script run `fsm-robot try --debug SCRIPT` at a terminal")
    assert "nobody can type" in (both.job.path / "exception.txt").read_text("utf-8")
    assert "nobody can type" not in both.by_hand(script)[2]


def test_page_names_a_comparison_for_each_promise() -> None:
    """The last column of the table says which scripts of this file show it; none of them is left out."""
    text = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|.*\|(.*)\|$", text.partition("## What is equal")[2].partition("\n## ")[0], re.MULTILINE)[2:]
    named = {name.strip() for row in rows for name in row.split(",")}
    tests = {name for name in named if name.startswith("`test_")}
    functions = {
        f"`{node.name}`"
        for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }

    assert named - tests == set(SCRIPTS)
    assert tests
    assert tests <= functions


def test_folder_with_a_main_runs_with_its_own_modules(both: Both) -> None:
    """`folder/__main__.py` sees what lies beside it, as with `python folder`."""
    both.write(
        dedent("""\
        import sys, beside
        print(beside.X, __name__, sys.argv, sys.path[0])
        1 / 0
    """),
        "robot/__main__.py",
    )
    folder = both.write("X = 1", "robot/beside.py").parent

    by_hand, hosted = both.by_hand(folder), both.hosted(folder)

    assert hosted == by_hand
    assert by_hand[1].startswith("1 __main__")


@pytest.mark.skipif(os.name != "posix", reason="making a link needs a right there that tests do not have")
@pytest.mark.parametrize("link", ["link.py", "sub/link.py", "other/script.py", "app"])
def test_linked_script_keeps_its_own_name(tmp_path: Path, link: str) -> None:
    """Programs that do different things under different names are told which one it is."""
    both = Both(tmp_path)
    text = "import sys\nprint(__file__, sys.argv, sys.path[0])"
    script = both.write(text)
    both.write(text, "folder/__main__.py")
    both.write(text, "real/script.py")
    place = script.parent / link
    place.parent.mkdir(exist_ok=True)
    if link == "app":
        place.symlink_to("folder")
    elif link == "other/script.py":
        place.parent.rmdir()
        place.parent.symlink_to("real")
    else:
        place.symlink_to(script)

    found = resolve_script(link, script.parent)

    assert found == place
    assert both.hosted(found) == both.by_hand(place)
    assert str(place) in both.hosted(found)[1]


@pytest.mark.skipif(os.name != "posix", reason="names of files are text there")
@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}]
)
@pytest.mark.parametrize("version", [None, *OTHERS])
def test_name_of_a_file_that_is_no_text_can_be_printed(
    tmp_path: Path, variables: dict[str, str], version: str | None
) -> None:
    """Where it can by hand: a listing of a folder is no reason to fail."""
    both = Both(tmp_path, python(version) if version else sys.executable, {**variables, "PYTHONIOENCODING": ""})
    script = both.write(
        dedent("""\
        import os
        print(os.listdir('names'))
        print(*os.listdir('names'))
    """)
    )
    names = script.parent / "names"
    names.mkdir()
    (names / os.fsdecode(b"\xf1\xf7\xe5\xf2.csv")).touch()

    by_hand, hosted = both.by_hand(script), both.hosted(script)

    assert hosted == by_hand
    assert by_hand[0] == 0


@pytest.mark.parametrize("chosen", ["cp866", "utf-8:backslashreplace", "utf-16"])
def test_encoding_that_the_user_has_chosen_stays(tmp_path: Path, chosen: str) -> None:
    """PYTHONIOENCODING is the robot's business only where nobody else has set it."""
    both = Both(tmp_path, variables={"PYTHONIOENCODING": chosen})
    script = both.write(
        "import sys, os\nprint('счёт', sys.stdout.encoding, sys.stdout.errors, os.environ['PYTHONIOENCODING'])"
    )

    assert both.hosted(script) == both.by_hand(script)


@pytest.mark.parametrize("text", ["print('of the user')", "raise ImportError('no', name='x')", "1 / 0"])
def test_sitecustomize_of_the_user_is_imported_as_by_hand(both: Both, text: str) -> None:
    """Found on the user's PYTHONPATH, whatever it does; ours has stepped aside."""
    both.variables["PYTHONPATH"] = str(both.write(text, "more/sitecustomize.py").parent)
    script = both.write("import sys\nprint(sys.path, getattr(sys.modules.get('sitecustomize'), '__file__', None))")

    assert both.hosted(script) == both.by_hand(script)


NEEDED = sorted(
    {"signal", "ctypes", "_ctypes", "enum", "operator", "types", "keyword", "collections", "functools", "struct", "traceback"}
    | {"job", "host", "sitecustomize", "usercustomize", "warnings", "threading", "io", "abc", "codecs", "stat", "importlib"}
    | {alias.name for node in ast.walk(ast.parse((HOST_FOLDER.parent / "host.py").read_text(encoding="utf-8"))) if isinstance(node, ast.Import) for alias in node.names}
)  # fmt: skip


@pytest.mark.parametrize("name", NEEDED)
def test_module_beside_the_script_is_found_by_the_script_as_by_hand(tmp_path: Path, name: str) -> None:
    """It hides what Python has under its name from the script, or does not, exactly as without us."""
    both = Both(tmp_path)
    both.write(f"print('beside: {name}')\nMARK = 1", f"{name}.py")
    script = both.write(f"import {name}, sys\nprint(hasattr({name}, 'MARK'))\nsys.stdout.flush()\nraise KeyError('x')")

    assert both.hosted(script) == both.by_hand(script)


def test_no_module_beside_the_script_is_executed_by_a_stop(both: Both) -> None:
    """All names of the standard library, at once; the stop arrives all the same."""
    for name in sorted({*sys.stdlib_module_names, *NEEDED, "fsm_robot"}):
        both.write(f"print('executed: {name}', flush=True)", f"{name}.py")
    system = "posix" if os.name == "posix" else "nt"
    script = both.write(
        f"import sys, time, {system}\n"
        f"try:\n    sys.stdout.write('ready\\n'); time.sleep(60)\nexcept KeyboardInterrupt:\n    sys.stdout.write('asked\\n'); {system}._exit(5)"
    )
    process = both.start(str(script))
    assert process.stdout is not None
    assert process.stdout.readline().split() == [b"ready"]

    both.ask_to_stop(process)

    out, err = process.communicate(timeout=30)
    assert (process.returncode, out.split(), err) == (5, [b"asked"], b"")


def test_stop_ends_a_script_with_an_interrupt_that_shows_no_frame_of_ours(both: Both) -> None:
    """What Ctrl-C gives by hand: `finally` runs, the traceback has the script's frames only."""
    script = both.write(
        dedent("""\
            import threading, time
            def work():
                time.sleep(60)
            threading.Timer(0.3, print, ['ready']).start()
            try:
                work()
            finally:
                print('cleaned')
        """)
    )
    results = []
    for hosted in (False, True):
        process = both.start(str(script), hosted=hosted)
        assert process.stdout is not None
        assert process.stdout.readline().split() == [b"ready"]
        if hosted:
            both.ask_to_stop(process)
        elif os.name == "posix":
            process.send_signal(signal.SIGINT)
        else:
            process.kill()
        out, err = map(_comparable, process.communicate(timeout=30))
        results.append((process.returncode, out, err))

    by_hand, asked = results
    assert "cleaned" in asked[1]
    assert 'File "' in asked[2]
    assert {line.split('"')[1] for line in asked[2].splitlines() if line.lstrip().startswith("File ")} == {str(script)}
    if os.name == "posix":
        assert asked == by_hand


@pytest.mark.parametrize(
    "wait",
    ["r.recv()", "r.poll(20) and r.recv()", "q.get()", "q.get(timeout=20)", "m.connection.wait([r], 20) and r.recv()"],
)
def test_wait_of_multiprocessing_goes_on_when_a_handler_only_remembers(tmp_path: Path, wait: str) -> None:
    """A handler that sets a flag must not make `recv`, `poll` or `Queue.get` fail."""
    both = Both(tmp_path)
    script = both.write(
        "import multiprocessing as m, multiprocessing.connection, queue, signal, sys, threading, time, os\n"
        "def send(w, q, go):\n    while not os.path.exists(go): time.sleep(0.05)\n    time.sleep(1); w.send('value'); q.put('value')\n"
        "if __name__ == '__main__':\n    asked = []\n"
        "    signal.signal(getattr(signal, 'SIGBREAK', signal.SIGTERM), lambda *_: asked.append(1))\n"
        "    r, w = m.Pipe(); q = m.Queue()\n"
        "    threading.Thread(target=send, args=(w, q, sys.argv[1])).start()\n"
        f"    print('ready', flush=True)\n    print({wait}, len(asked))"
    )
    flag = str(both.job.stop_flag)
    process = both.start(str(script), flag)
    assert process.stdout is not None
    assert process.stdout.readline().split() == [b"ready"]

    both.ask_to_stop(process)

    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.split(), err) == (0, [b"value", b"1"], b"")


CHILD = "from fsm_robot import job\nprint(job.guid() or 'none', flush=True)"
STARTS = {
    "itself": CHILD,
    "subprocess": f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD!r}], check=True)",
    "grandchild": f"import subprocess, sys\nc = {CHILD!r}\nsubprocess.run([sys.executable, '-c', f'import subprocess, sys; subprocess.run([sys.executable, \"-c\", {{c!r}}], check=True)'], check=True)",
    "spawn": dedent("""\
        import multiprocessing as m
        from fsm_robot import job
        def f(x): return job.guid()
        if __name__ == '__main__':
            with m.get_context('spawn').Pool(2) as pool: print(pool.map(f, [1])[0])
    """),
    "forkserver": dedent("""\
        import multiprocessing as m
        from fsm_robot import job
        def f(x): return job.guid()
        if __name__ == '__main__':
            with m.get_context('forkserver').Pool(2) as pool: print(pool.map(f, [1])[0])
    """),
    "executor": dedent("""\
        import multiprocessing as m
        from concurrent.futures import ProcessPoolExecutor as P
        from fsm_robot import job
        def f(x): return job.guid()
        if __name__ == '__main__':
            with P(2, mp_context=m.get_context('spawn')) as p: print(next(p.map(f, [1])))
    """),
}


@pytest.mark.parametrize("how", [how for how in STARTS if os.name == "posix" or how != "forkserver"])
def test_children_have_the_job_module_in_an_interpreter_without_the_package(both: Both, how: str) -> None:
    """However the script starts another Python; other parts of the package are not offered."""
    if under_wine() and how == "executor":
        pytest.skip("Wine cannot run it by hand either")
    # Where the interpreter has the package (the robot's own, in an environment), a virtual one without it is taken.
    subprocess.run([both.python, "-m", "venv", "--without-pip", str(both.folder / "venv")], check=True)
    bare = both.folder / "venv" / ("bin/python" if os.name == "posix" else "Scripts/python.exe")
    both = attrs.evolve(both, python=str(bare))
    both.job.path.mkdir()
    both.job.job_file.write_text(json.dumps({"job": {"GUID": "of this job"}}))
    script = both.write(STARTS[how])
    only = both.write(
        dedent("""\
            import fsm_robot.job
            try:
                import fsm_robot.engine.runner
            except ImportError: print('only job')
        """),
        "only.py",
    )

    assert both.by_hand(script)[0] != 0
    assert both.hosted(script) == (0, "of this job\n", "")
    assert both.hosted(only) == (0, "only job\n", "")


def test_folder_on_the_path_holds_nothing_that_could_hide_a_module() -> None:
    """One file, which Python 2 and old Pythons understand as well."""
    assert [file.name for file in HOST_FOLDER.iterdir() if file.name != "__pycache__"] == ["sitecustomize.py"]
    package = HOST_FOLDER.parent.parent
    for file in (HOST_FOLDER / "sitecustomize.py", HOST_FOLDER.parent / "host.py", package / "job.py"):
        ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_child_in_a_python_too_old_for_the_host_is_left_alone(tmp_path: Path, version: str) -> None:
    """A script may start an old tool: nothing is printed, nothing is on its path."""
    both = Both(tmp_path, python(version))
    script = both.write(
        dedent("""\
        import sys
        print(sorted(sys.path), 'sitecustomize' in sys.modules)
        1 / 0
    """)
    )

    assert both.hosted(script) == both.by_hand(script)


def test_host_and_robot_agree_on_names() -> None:
    """The host imports nothing of the package, so it has names of its own."""
    tree = ast.parse((HOST_FOLDER.parent / "host.py").read_text(encoding="utf-8"))
    values = {
        node.targets[0].id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }

    for name in ("STOP_NAME", "EXCEPTION_NAME"):
        assert ast.literal_eval(values[name]) == getattr(job_folder, name)
    assert ast.literal_eval(values["VARIABLE"]) == HOST_VARIABLE
    assert values["LONGEST_EXCEPTION"] == "1 << 16"
    assert job_folder.LONGEST_EXCEPTION == 1 << 16


def test_children_do_not_listen_for_the_stop(tmp_path: Path) -> None:
    """The stop is the script's own matter: what it starts is told by it, or ends as by hand."""
    both = Both(tmp_path)
    script = both.write(
        f"import os, subprocess, sys\nprint({HOST_VARIABLE!r} in os.environ, flush=True)\nsubprocess.run([sys.executable, '-c', 'import signal; print(signal.getsignal(signal.SIGTERM))'])"
    )

    assert both.hosted(script)[1].split() == ["False", *both.by_hand(script)[1].split()[1:]]
