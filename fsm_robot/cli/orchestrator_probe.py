"""`fsm-robot orchestrator probe URL`: what a real server does where the vendor's pages leave it open."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fsm_robot.cli.orchestrator_arguments import print_table, read
from fsm_robot.cli.streams import complain, tell
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import SettingsError
from fsm_robot.orchestrator.protocol import plain_guid
from fsm_robot.orchestrator.quirks import MEANINGS

if TYPE_CHECKING:
    from fsm_robot.gateway.http import HttpGateway
    from fsm_robot.gateway.probe import Finding, Report

NOT_ALLOWED = 2
LOG_LINES, MOST_LOG_LINES = 130, 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("url", help="address of the server, such as https://rpa.example.com")
    parser.add_argument(
        "--guid",
        required=True,
        metavar="@FILE|-",
        help="the GUID of a robot or an API key",
    )
    parser.add_argument(
        "--job", default="", metavar="GUID", help="a job that has ended; what needs one is left out without it"
    )
    parser.add_argument("--ca", metavar="FILE", help="trust these certificates instead of the system's (PEM)")
    parser.add_argument(
        "--scheme", choices=["basic", "bearer"], default="basic", help="authorization scheme (default: %(default)s)"
    )
    parser.add_argument("--yes", action="store_true", help="make test objects on the server without asking first")
    parser.add_argument(
        "--log-lines",
        type=int,
        default=LOG_LINES,
        metavar="N",
        help="how many log lines are sent at once to find a rate limit; 0: none (default: %(default)s)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the result there, for orchestrator.profile and `serve --like`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Try, tell and write; 2 where it was not allowed, 1 where something is left behind."""
    from fsm_robot.gateway.http import HttpGateway  # loads what no other action needs
    from fsm_robot.gateway.probe import Probe, will_make

    guid = _credential(arguments.guid)
    name = f"fsm-robot-check-{uuid.uuid4().hex[:8]}"
    if arguments.output and Path(arguments.output).is_dir():
        raise SettingsError(f"{arguments.output}: is a folder")
    if not 0 <= arguments.log_lines <= MOST_LOG_LINES:
        raise SettingsError(f"--log-lines: must be from 0 to {MOST_LOG_LINES}, not {str(arguments.log_lines)[:20]}")
    tell(f"at {arguments.url} this makes:")
    for thing in will_make(name, arguments.log_lines):
        tell(f"  {thing}")
    if not arguments.yes and not _is_allowed():
        complain("nothing was made; --yes allows it without a question")
        return NOT_ALLOWED

    def opened(who: str = guid) -> HttpGateway:
        return HttpGateway(
            arguments.url,
            who,
            auth_scheme=arguments.scheme,
            verify=arguments.ca or True,
            redactor=Redactor.for_guid(guid),
            warn=lambda _event, sentence: complain(sentence),
        )

    gateway = opened()
    try:
        nobody = lambda: opened("")  # noqa: E731
        report = Probe(gateway, opened, name, nobody, arguments.job, arguments.log_lines).run()
    finally:
        gateway.close()
    _show(report)
    if arguments.output:
        _write(Path(arguments.output), server_toml(arguments.url, report, datetime.now(UTC)))
    return int(bool(report.left))


def advice(report: Report) -> str:
    """Return how tasks should be taken from this server, as `sdk.take` of robot.toml has it, and why."""
    found = {finding.name: finding.value for finding in report.findings}
    if found.get("reserves") == "yes":
        return 'sdk.take = "server" and sdk.take_call = "GET queue/lastTask/{queue}": lastTask reserves tasks'
    if found.get("add_tag") == "atomic":
        return 'sdk.take = "announce": tags that are added at once are all kept'
    if found.get("job_field") not in (None, "", "none"):
        return 'sdk.take = "verify": tags get lost when they are added at once, and task/update writes whose task it is'
    return 'sdk.take = "naive", and one robot at a queue: this server has nothing by which two could agree'


def quirks_of(path: str) -> list[str]:
    """Return the quirks that a file of `probe` holds, as `serve --quirk` takes them. Raises `SettingsError`."""
    from fsm_robot.gateway import profile

    found = profile.read(Path(path))
    quirks = [f"{name}={value}" for name, value in found.quirks.items()]
    return [*quirks, *(f"verbs={call}:{','.join(verbs)}" for call, verbs in found.verbs.items())]


def server_toml(url: str, report: Report, at: datetime) -> str:
    """Return what was found as a file; `orchestrator serve --like FILE` makes a server that does the same."""
    lines = ["# What this server does where the vendor leaves it open, found by `fsm-robot orchestrator probe`."]
    lines += [f"url = {json.dumps(url)}", f"probed = {at.isoformat(timespec='seconds').replace('+00:00', 'Z')}", ""]
    known = [finding for finding in report.findings if finding.value]
    lines += ["[quirks]", *(_line(each) for each in known if each.name in MEANINGS), ""]
    lines += ["[found]", *(_line(each) for each in known if each.name not in MEANINGS), ""]
    lines += ["[verbs]", *(f"{json.dumps(call)} = {json.dumps([verb])}" for call, verb in report.verbs.items())]
    unknown = [finding for finding in report.findings if not finding.value]
    lines += ["", *(f"# {each.name}: not found out: {_one_line(each.note)}" for each in unknown)]
    lines += ["", "# in robot.toml: orchestrator.profile names this file", f"# in robot.toml: {advice(report)}"]
    return "\n".join(lines).rstrip() + "\n"


def _line(finding: Finding) -> str:
    return f"{finding.name} = {json.dumps(finding.value)}  # {_one_line(finding.note)}"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _credential(text: str) -> str:
    if text == "-":
        found = plain_guid(sys.stdin.readline())
    elif text.startswith("@"):
        found = plain_guid(read(text[1:]))
    else:
        raise SettingsError("--guid: a credential is not written into a command line, which others can see: @FILE or -")
    if not found:
        raise SettingsError(f"{text}: its content is not a GUID")
    return found


def _is_allowed() -> bool:
    if not sys.stdin.isatty():
        return False
    print("Go on? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(report: Report) -> None:
    rows = [(finding.name, finding.value or "?", finding.note) for finding in report.findings]
    rows += [(f"verb of {call}", verb, "the published one is not taken") for call, verb in report.verbs.items()]
    print_table(("what", "found", "seen"), rows)
    tell(f"in robot.toml: {advice(report)}")
    for thing in report.left:
        complain(f"could not be deleted there: {thing}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror or error}") from error
    tell(f"{path} is written; `fsm-robot orchestrator serve --like {path}` does the same")
