"""What a page says: its banners, headings, sentences and toasts, line by line, without its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from django.contrib.messages import get_messages

MARKS = {"h1": "# ", "h2": "## ", "p": "  ", "summary": "+ ", "li": "- "}
VOID = frozenset({"input", "br", "use", "meta", "link", "img", "hr", "rect", "path"})
# What says the same on each page, what a reader does not read as a sentence, and the figures of tables.
LEFT_OUT = re.compile(
    r"\b(bar|table|printed|foot|menu|dialog|visually-hidden|mono|phone-word|legend|log|timeline|steps)\b"
)
NUMBERED = re.compile(r"\b(Exception|Run|exception|run) \d+\b")


def said(html: str, *, hints: bool = True) -> list[str]:
    """`# heading`, `## heading of a part`, `  sentence`, `- point`, `+ fold`, `! banner`, `> toast`.

    `hints`: what stands below the fields of a form too.
    """
    reader = _Reader(hints)
    reader.feed(html)
    return [NUMBERED.sub(r"\1 N", line) for line in reader.lines() if line.strip(" #!>+-")]


class _Reader(HTMLParser):
    def __init__(self, hints: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._hints = hints
        self._open: list[tuple[str, str]] = []  # (tag, classes)
        self._found: list[tuple[str, list[str]]] = []  # (mark, words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        self._open.append((tag, dict(attrs).get("class") or ""))
        if tag in MARKS and not self._left_out():
            self._found.append((self._mark(tag), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Of a drawing: it says nothing."""

    def handle_endtag(self, tag: str) -> None:
        if tag in {name for name, _ in self._open}:
            while self._open.pop()[0] != tag:
                pass  # tags that nobody closes

    def handle_data(self, data: str) -> None:
        inside = any(tag in MARKS for tag, _ in self._open)
        if inside and self._found and not self._left_out():
            self._found[-1][1].append(data)

    def _left_out(self) -> bool:
        return any(
            LEFT_OUT.search(classes)
            or tag in {"table", "title", "nav"}
            or (classes == "hint" and not self._hints)
            for tag, classes in self._open
        )

    def _mark(self, tag: str) -> str:
        classes = " ".join(classes for _, classes in self._open).split()
        return "! " if "banner" in classes else "> " if "toast" in classes else MARKS[tag]

    def lines(self) -> Iterator[str]:
        for mark, words in self._found:
            text = " ".join("".join(words).split())
            yield mark + re.sub(r" (?=[.,:?])", "", text)


def toasts(answer: Any) -> list[str]:
    """What the next page will say of the act."""
    return [NUMBERED.sub(r"\1 N", f"> {message}") for message in get_messages(answer.wsgi_request)]
