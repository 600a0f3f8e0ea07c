"""Words that people should not meet, and what to write instead; see docs/style.md, which has the same list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

NOT_SO: Mapping[str, str] = {
    r"(asked|asking|looked|waited|look|wait)( \w+)? in vain|in vain": "failed, without an answer",
    r"asking again": "retrying",
    r"told off": "refused",
    r"mend(s|ed|ing)?": "fix, correct",
    r"bites?|bitten|biting": "goes wrong, is a problem",
    r"weaker here": "cannot be fully enforced",
    r"last reserve": "reserved space",
    r"(to )?be had": "available",
    r"(for|of|by|from|tells|and) who(ever)? (is|has|was|wants|needs|may|must|looks|asks)": "a noun: the operator, the caller",
    r"supervision (is|fails|failed|hangs|does)": "watching the script",
    r"look(s|ed|ing)? after": "watch",
    r"br(eak|oken|oke) off": "stop",
    r"is no word (on|of)": "does not say",
    r"(?<!there )(is|are|was|were) no (?!word |longer|more)\w+": "is not a",
    r"what is one case": "what a case is",
    r"how documents are put": "how documents are written",
    r"at most \d+x between": "says what is compared",
    r"goes? to sleep": "waits",
    r"log(ged|ging|s)? him off": "log the account off",
    r"ask(s|ed)? (it )?politely": "ask",
    r"for want of": "because there is no",
    r"(has|have|had) the word": "decides",
    r"turn(s|ed|ing)? away": "refuse",
    r"all the same": "nevertheless, anyway",
    r"look who|whoever (calls|forgot|reads)": "a noun: the caller, everybody who",
    r"speaks? of something": "concerns",
}  # fmt: skip
"""Pattern -> what to write instead."""

PATTERNS = [(re.compile(rf"\b({words})\b", re.IGNORECASE), instead) for words, instead in NOT_SO.items()]


def slips(text: str) -> Iterator[str]:
    """Yield every slip of a text, with what to write instead."""
    plain = " ".join(text.split())
    for pattern, instead in PATTERNS:
        for found in pattern.finditer(plain):
            around = plain[max(0, found.start() - 40) : found.end() + 20]
            yield f"…{around}…: not {found[0]!r}, write: {instead}"


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string of a module that is no docstring: sentences, help texts, titles."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value
