"""`make dist`: everything that is handed out, built twice and compared byte for byte.

    fsm_robot-<version>-py3-none-any.whl, fsm_robot-<version>.tar.gz   for pip
    fsm_robot_sdk-<version>-py3-none-any.whl                           what scripts are written with
    fsm-robot.pyz                                                      one file that needs a Python and nothing else
    fsm_robot-<version>-offline.zip                                    wheels for machines without a network
    fsm_robot-<version>-licences.zip, fsm_robot-<version>.cdx.json     licences and list of all that is shipped
    SHA256SUMS

Run by the Python of the environment that packaging/dist.lock describes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("win_amd64", "manylinux2014_x86_64")
COMPILED = ("pyyaml",)
"""What has no wheel for every Python and system. Of the others that one is taken."""
REQUIREMENT = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)[^\\\n]*(?P<hashes>(?:\\\n[^\\\n]*)+)", re.MULTILINE
)
LICENCE = re.compile(r"\.dist-info/(?:licen[cs]es?/.+|(?:LICEN[CS]E|COPYING|NOTICE)[^/]*)$", re.IGNORECASE)
INSTALL = """\
fsm_robot {version} for machines without a network: Windows and Linux on x86-64, Python {first} to {last}.

Unpack this archive, go into its folder, and then, under Linux:

    python3 -m venv robot
    robot/bin/python -m pip install --no-index --find-links wheelhouse --require-hashes -r requirements.txt

under Windows:

    py -m venv robot
    robot\\Scripts\\python -m pip install --no-index --find-links wheelhouse --require-hashes -r requirements.txt
"""


def main() -> None:
    """Build into dist/, or say what differs between two builds."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        wheels, sources = _downloaded(), _sources(work / "sources")
        first = _built(sources, work / "first", wheels)
        second = _built(sources, work / "second", wheels)
        if different := [file for file in first if second.get(file) != first[file]] or sorted(set(second) - set(first)):
            raise SystemExit(f"make dist: two builds of the same sources differ in {', '.join(different)}")
        target = ROOT / "dist"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "first", target)
    print((target / "SHA256SUMS").read_text(encoding="ascii"), end="")
    print(f"dist: {len(first)} files, built twice, the same byte for byte")


def _epoch() -> int:
    """Return the moment of the last commit, which all files of a build carry; outside of git that of pyproject.toml."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    return int(_of_git("log", "-1", "--format=%ct") or (ROOT / "pyproject.toml").stat().st_mtime)


def _of_git(*arguments: str) -> bytes:
    """Return what git says; nothing where there is no git, or this is no checkout."""
    if shutil.which("git") is None:
        return b""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    return b"" if done.returncode else done.stdout


def _sources(copy: Path) -> Path:
    """Return a copy of what git knows: other things in a checkout may lead anywhere, as the drive z: of Wine does."""
    listed = _of_git("ls-files", "-z")
    if not listed:
        return ROOT  # an unpacked sdist, which has nothing else
    for name in os.fsdecode(listed).split("\0"):
        if (source := ROOT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return copy


def _built(sources: Path, out: Path, wheels: Path) -> dict[str, str]:
    """Build everything into a folder; return the digest of each file."""
    out.mkdir()
    building = [sys.executable, "-m", "hatchling", "build", "--directory", str(out), "--target"]
    _run([*building, "wheel", "--target", "sdist"], sources)
    _run([*building, "wheel"], sources / "packaging" / "sdk")
    (wheel,), (for_scripts,) = out.glob("fsm_robot-*.whl"), out.glob("fsm_robot_sdk-*.whl")
    version = wheel.name.split("-")[1]
    shipped = [wheel, *sorted({_name_of(each): each for each in sorted(wheels.iterdir())}.values())]
    (out / f"fsm_robot-{version}.cdx.json").write_bytes(_materials(version, shipped))
    _archive(out / f"fsm_robot-{version}-licences.zip", _licences([*shipped, for_scripts]))
    _one_file(out / "fsm-robot.pyz", version, {**_licences(shipped), **_contents(shipped)})
    _archive(out / f"fsm_robot-{version}-offline.zip", _offline(version, wheel, wheels))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}
    sums = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    (out / "SHA256SUMS").write_text(sums, encoding="ascii", newline="\n")
    return digests


def _downloaded() -> Path:
    """Fetch what requirements.lock names, by its hashes: for all systems at once where there is such a wheel."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    target = ROOT / ".dist" / f"wheels-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if target.is_dir():
        return target  # fetched whole, by an earlier build
    into = target.with_suffix(".new")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    lock = {found["name"]: found for found in REQUIREMENT.finditer(text)}
    everywhere = [found for name, found in lock.items() if name not in COMPILED]
    _download(into, everywhere, ["--platform", "any", "--implementation", "py", "--abi", "none"], PYTHONS[0])
    for python in PYTHONS:
        for platform in PLATFORMS:
            _download(into, [lock[name] for name in COMPILED], ["--platform", platform], python)
    into.rename(target)
    return target


def _download(into: Path, wanted: Iterable[re.Match[str]], which: list[str], python: str) -> None:
    file = into.with_suffix(".txt")
    # Without the markers of the lock: what Windows needs is fetched here, too.
    file.write_text(
        "".join(f"{each['name']}=={each['version']} {each['hashes']}\n" for each in wanted), encoding="utf-8"
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--require-hashes"]
    only = ["--no-deps", "--only-binary", ":all:", "--python-version", python, *which]
    _run([*pip, *only, "--dest", str(into), "-r", str(file)])


def _name_of(wheel: Path) -> str:
    return _normal(wheel.name.split("-")[0])


def _normal(name: str) -> str:
    """Return the name of a distribution as wheels spell it."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _licences(wheels: Iterable[Path]) -> dict[str, bytes]:
    """Return the texts of all licences, by distribution."""
    found: dict[str, bytes] = {}
    for wheel in wheels:
        name = "-".join(wheel.name.split("-")[:2])
        with zipfile.ZipFile(wheel) as archive:
            texts = {each: archive.read(each) for each in archive.namelist() if LICENCE.search(each)}
        if not texts:  # taken from its sdist once
            kept = HERE / "licences" / f"{_name_of(wheel)}.txt"
            if not kept.is_file():
                raise SystemExit(f"{wheel.name}: holds no text of its licence; put it into {kept}")
            texts = {"LICENSE": kept.read_bytes()}
        found.update({f"licences/{name}/{each.rpartition('/')[2]}": text for each, text in texts.items()})
    return found


def _materials(version: str, wheels: Sequence[Path]) -> bytes:
    """Return the list of what is shipped, as CycloneDX: of an environment that holds these wheels and nothing else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=False)
        (packages,) = (folder / "venv").glob("Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages")
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(packages)
        python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        listed = folder / "listed.json"
        how = ["--output-reproducible", "--spec-version", "1.6", "--output-format", "JSON", "--mc-type", "application"]
        about = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(listed), str(python)]
        _run([sys.executable, "-m", "cyclonedx_py", "environment", *how, *about])
        listing = json.loads(listed.read_bytes())
    root = listing["metadata"]["component"]  # pyproject.toml does not hold the version
    root.update(version=version, purl=f"pkg:pypi/fsm-robot@{version}")
    told = {(_normal(each["name"]), each["version"]) for each in (root, *listing["components"])}
    if missed := told ^ {(_name_of(wheel), wheel.name.split("-")[1]) for wheel in wheels}:
        raise SystemExit(f"make dist: the list of materials and the wheels differ in {sorted(missed)}")
    return json.dumps(listing, indent=2, sort_keys=True).encode() + b"\n"


def _contents(wheels: Iterable[Path]) -> dict[str, bytes]:
    """Return the files that wheels install."""
    found: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            found.update({f"lib/{n}": archive.read(n) for n in archive.namelist() if ".dist-info/" not in n})
    return found


def _installed() -> tuple[str, dict[str, bytes]]:
    """Return the version of this checkout, its files, and those of its packages that this Python has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = [found["name"] for found in REQUIREMENT.finditer((ROOT / "requirements.lock").read_text("utf-8"))]
    found: dict[str, bytes] = {}
    for name in names:
        try:
            files = metadata.distribution(name).files or ()
        except metadata.PackageNotFoundError:
            continue  # for another system
        wanted = [file for file in files if ".dist-info" not in str(file) and not str(file).startswith("..")]
        found.update({f"lib/{file.as_posix()}": file.read_binary() for file in wanted if file.locate().is_file()})
    inside = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    own = {ROOT / source: there for source, there in {"fsm_robot": "fsm_robot", **inside}.items()}
    if not (ROOT / "fsm_robot").is_dir():
        # The tests of an installed wheel have no sources beside them.
        package = metadata.distribution("fsm_robot").locate_file("fsm_robot")
        own = {Path(str(package)): "fsm_robot"}
    for path, there in own.items():
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                found[f"lib/{there}{file.as_posix().removeprefix(path.as_posix())}"] = file.read_bytes()
    version = re.search(r'__version__ = "(.+)"', found["lib/fsm_robot/__init__.py"].decode())
    assert version is not None
    return version[1], found


def _one_file(target: Path, version: str, files: Mapping[str, bytes]) -> None:
    """Write fsm-robot.pyz: a short program, what unpacks, and everything else as one archive in it."""
    own = {path.name: path.read_bytes() for path in (HERE / "onefile").glob("*.py")}
    # Compiled parts fit one Python of one system; whoever has them does without.
    inside = {name: content for name, content in files.items() if not name.endswith((".so", ".pyd", ".pyc", "/"))}
    inside["begin.py"] = own["begin.py"]
    payload = _archived(inside)
    # Two builds of one version may stand side by side: the folder is named for the content, too.
    digest = hashlib.sha256(payload + own["unpack.py"]).hexdigest()[:12]
    program = own["__main__.py"].decode()
    if program.count('"@NAME@"') != 1:
        raise SystemExit("onefile/__main__.py: the name of the folder has no place")
    main = program.replace("@NAME@", f"{version}-{digest}").encode()
    # Not compressed twice, and few names: Python reads the list of them at each start.
    whole = _archived({"__main__.py": main, "unpack.py": own["unpack.py"], "payload.zip": payload}, zipfile.ZIP_STORED)
    target.write_bytes(b"#!/usr/bin/env python3\n" + whole)
    target.chmod(0o755)


def _offline(version: str, wheel: Path, wheels: Path) -> dict[str, bytes]:
    own = f"fsm_robot=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    return {
        "INSTALL.txt": INSTALL.format(version=version, first=PYTHONS[0], last=PYTHONS[-1]).encode(),
        "requirements.txt": own.encode() + (ROOT / "requirements.lock").read_bytes(),
        **{f"wheelhouse/{path.name}": path.read_bytes() for path in (wheel, *wheels.iterdir())},
    }


def _archive(target: Path, files: Mapping[str, bytes]) -> None:
    target.write_bytes(_archived(files))


def _archived(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive that is the same whenever and wherever it is made."""
    moment = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).timetuple()[:6]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type, entry.external_attr, entry.create_system = compression, 0o644 << 16, 3
            archive.writestr(entry, files[name])
    return stream.getvalue()


def _run(command: list[str], folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"make dist: {' '.join(command)}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    os.environ["SOURCE_DATE_EPOCH"] = str(_epoch())
    if sys.argv[1:2] == ["--one-file"]:  # for tests: of this checkout and what is installed here, in a second
        _one_file(Path(sys.argv[2]), *_installed())
    else:
        main()
