"""Markdown pages as Python-Markdown, which MkDocs takes, makes HTML of them: heading, and tables as texts of cells."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import markdown


class Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.heading = ""
        self.tables: list[list[list[str]]] = []
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif "td" in self.open and tag.upper() not in self.tags:
            self.tags.append(tag.upper())
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "h1" in self.open:
            self.heading += data
        elif {"td", "th"} & {*self.open}:
            self.tables[-1][-1][-1] += data


def read(text):
    tables = Tables()
    tables.feed(markdown.markdown(text, extensions=["tables", "pymdownx.superfences"]))
    tables.close()
    return {"heading": tables.heading, "tables": tables.tables, "tags": tables.tags}


given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
print(json.dumps({name: read(text) for name, text in given.items()}))
