"""A script under the host against the same script started directly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fsm_robot
from tests.fakes.processes import under_wine

HOST = Path(fsm_robot.__file__).parent / "worker" / "start_host.py"
WATCH = "signal" if os.name == "posix" else "no-such-flag"

SCRIPTS = {
    "names": "import sys\nprint(__name__, __file__, __doc__, __package__, __spec__, sys.argv, sys.path[0])\nprint(sorted(k for k in globals() if k != 'sys'))",
    "main module": "import sys, pickle\nclass C: pass\nassert sys.modules['__main__'].C is C\nprint(type(pickle.loads(pickle.dumps(C()))).__module__)",
    "traceback": "def f():\n    return {}['iban']\n\ntry:\n    f()\nfinally:\n    print('cleaned')",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('no') from e",
    "syntax error": "print('a'\nx = = 2\n",
    "exit text": "import sys; sys.exit('конец: плохо')",
    "exit code": "import sys; sys.exit(42)",
    "exit none": "import sys; sys.exit()",
    "exit true": "raise SystemExit(True)",
    "hard exit": "import os, sys; print('x', flush=True); os._exit(7)",
    "atexit": "import atexit; atexit.register(print, 'at exit'); print('main')",
    "thread": "import threading, time\ndef late():\n    time.sleep(0.2); print('late')\nthreading.Thread(target=late).start(); print('main over')",
    "failing thread": "import threading\nthreading.Thread(target=lambda: 1 / 0, name='t').start()",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__, a[2].tb_frame.f_code.co_filename.endswith('script.py'))\n1 / 0",
    "spawn": "import multiprocessing as m\ndef square(x): return x * x\nif __name__ == '__main__':\n    with m.get_context('spawn').Pool(2) as pool: print(pool.map(square, [1, 2, 3]))",
    "executor": "from concurrent.futures import ProcessPoolExecutor as P\ndef f(x): return -x\nif __name__ == '__main__':\n    with P(2) as p: print(list(p.map(f, [1, 2])))",
    "neighbour": "import neighbour; print(neighbour.VALUE)",
    "encoding": "# -*- coding: cp1251 -*-\nprint('привет')",
    "future": "def f(x: Missing): pass\n",
    "inspect": "import inspect, sys\ndef f(): return 1\nprint(inspect.getsource(f)); print(inspect.getfile(sys.modules['__main__']))",
    "stdin": "import sys; print(repr(sys.stdin.read()))",
    "annotations": "x: int = 3\nprint(__annotations__)",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nprint(P(1))",
}


def _ended(command: list[str], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    out, err = (data.decode().replace(os.linesep, "\n") for data in (done.stdout, done.stderr))
    return done.returncode, out, err


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "executor" or not under_wine()])
def test_script_behaves_under_the_host_as_if_started_directly(tmp_path: Path, name: str) -> None:
    """Exit code, output and error output are the same to the byte."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPTS[name], encoding="cp1251" if name == "encoding" else "utf-8")
    (tmp_path / "neighbour.py").write_text("VALUE = 'сосед'", encoding="utf-8")

    direct = _ended([sys.executable, str(script), "an argument"], tmp_path)
    hosted = _ended([sys.executable, str(HOST), WATCH, str(script), "an argument"], tmp_path)

    assert hosted == direct


def test_folder_with_a_main_runs_with_its_own_modules(tmp_path: Path) -> None:
    """`folder/__main__.py` sees what lies beside it, as with `python folder`."""
    (tmp_path / "robot").mkdir()
    (tmp_path / "robot" / "__main__.py").write_text(
        "import sys, beside\nprint(beside.X, __name__, sys.argv, sys.path[0])"
    )
    (tmp_path / "robot" / "beside.py").write_text("X = 1")

    direct = _ended([sys.executable, str(tmp_path / "robot"), "a"], tmp_path)
    hosted = _ended([sys.executable, str(HOST), WATCH, str(tmp_path / "robot"), "a"], tmp_path)

    assert hosted == direct
    assert direct[0] == 0


def test_job_module_can_be_imported_when_the_interpreter_does_not_have_the_package(tmp_path: Path) -> None:
    """A script's own environment needs nothing of ours; other parts of the package are not offered."""
    script = tmp_path / "script.py"
    script.write_text(
        "from fsm_robot import job\nprint(job.parameters())\ntry:\n    import fsm_robot.runner\nexcept ImportError: print('only job')"
    )

    done = _ended([sys.executable, "-S", str(HOST), WATCH, str(script)], tmp_path)

    assert done == (0, "{}\nonly job\n", "")


@pytest.mark.skipif(os.name != "posix", reason="signals and fork are POSIX's")
def test_forked_child_ends_on_terminate_as_it_would_without_the_host(tmp_path: Path) -> None:
    """The KeyboardInterrupt that the host makes of SIGTERM is the script's own, not its children's."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing as m, time\nfor _ in range(20):\n    c = m.get_context('fork').Process(target=time.sleep, args=(30,))\n"
        "    c.start(); c.terminate(); c.join(); print(c.exitcode)"
    )

    direct = _ended([sys.executable, str(script)], tmp_path)
    hosted = _ended([sys.executable, str(HOST), WATCH, str(script)], tmp_path)

    assert hosted == direct == (0, "-15\n" * 20, "")
