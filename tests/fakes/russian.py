"""What is still English in a text that a person reads in Russian."""

from __future__ import annotations

import re

AS_TYPED = re.compile(
    r"`[^`]*`"  # commands and keys as they are typed
    r"|'[^'\n]*'|\"[^\"\n]*\"|«[^»]*»"  # what somebody has called something, or what stands in a file
    r"|\{[^{}]*\}|\[\[?[a-z_]+\]\]?"  # values, sections
    r"|--?[a-z][a-z-]*( [A-ZА-Я]+)?"  # options
    r"|\w+://\S+|[\w.~%-]*[/\\][\w./\\~%*,:@-]*"  # addresses and paths
    r"|[\w*-]+\.[\w.*-]*\w"  # keys, files, names of hosts
    r"|\b\w+=\S*"  # values of a line of the log
    r"|\b\w*_\w*\b|\b[A-Z]+\d*\b|\b[A-Z][a-z]+[A-Z]\w*\b|\b0x[0-9a-fA-F]+\b"  # names of settings, HTTP, HasNewJob
    r"|\b[0-9a-f]{8}-[0-9a-f-]+\b"
)
"""What is the same in every language, because people type it or look for it."""
_NAMES = """
fsm robot python windows linux unicode excel error success working ready orchestrator job name version status code
pid uv pip prctl nice loginctl systemctl journald syslog schtasks crontab systemd cpu control disk hash bearer basic
lock heartbeat callbacks context settings port host user password proxy example true false inf nan found built off
ctrl break http https socks content length post get put delete serve field dll abort any pysocks mss keyring
opentelemetry proto openssl pkcs client pem key value ascii ipv kill microsoft store robots guid date traceback
debug info notice warning critical javascript script queue folder command signal sigterm sigkill stop ask cookies
toml json yaml install chmod env sync dashboard scripts readers py verify session quirks pause consumenextjob limits
auto ignore stay exit disconnect log en ru task space home end root
"""
NAMES = frozenset(_NAMES.split())
"""Products, programs, commands, names of fields and of levels."""


def english_in(text: str) -> list[str]:
    """Return the Latin words of a text that are no name and nothing that is typed."""
    words = re.findall(r"[A-Za-z]{2,}", AS_TYPED.sub(" ", text))
    return [word for word in words if word.lower() not in NAMES]
