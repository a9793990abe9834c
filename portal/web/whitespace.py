"""Templates are written one element a line; what a browser gets has none of that layout.

A line break and the indentation after it are:
1. nothing at the edges inside an element, and on either side of a block-level one, where no browser shows them;
2. nothing after a line of template tags alone ({% if %}, {% endif %}, …), so that such a line leaves no trace;
3. one blank everywhere else: words, and elements in a line of text, never run together.
Blanks without a line break, and what stands in <pre>, <textarea>, <script> and <style>, stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Beside these a line break is never seen. Parts of an SVG, hidden inputs and what stands in <head> count as such.
BLOCK_LEVEL = frozenset((
    "html", "head", "body", "title", "meta", "link", "base", "main", "header", "footer", "nav", "section",
    "article", "aside", "div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "ul", "ol", "li", "dl", "dt",
    "dd", "table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td", "form", "fieldset",
    "legend", "details", "summary", "dialog", "pre", "option", "optgroup", "datalist", "defs", "symbol", "use",
    "path", "circle", "rect", "g", "line", "c-vars", "c-slot",
))  # fmt: skip
# Components that are block-level elements themselves (a test compares them with their files).
BLOCK_COMPONENTS = frozenset((
    "c-banner", "c-bulk-bar", "c-card", "c-dialog", "c-empty", "c-error-summary", "c-event", "c-fact", "c-facts",
    "c-field", "c-filter-bar", "c-fold", "c-head", "c-progress", "c-refusal", "c-stat", "c-tabs", "c-timeline",
    "c-toast",
))  # fmt: skip
VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "c-vars",
    "use", "path", "circle", "rect",
))  # fmt: skip
VERBATIM = frozenset(("pre", "textarea", "script", "style"))
OPENING = frozenset(("if", "for", "with", "block", "slot", "autoescape"))
BETWEEN = frozenset(("else", "elif", "empty"))
SILENT = frozenset(("load", "extends", "csrf_token"))

_TEMPLATE_TAG = r"\{%.*?%\}|\{\{.*?\}\}|\{\#.*?\#\}"
_HTML_TAG = (
    rf"""</?[a-zA-Z!](?:{_TEMPLATE_TAG}|"(?:{_TEMPLATE_TAG}|[^"])*"|'(?:{_TEMPLATE_TAG}|[^'])*'|[^>"'])*>"""
)
_PIECE = re.compile(
    rf"(?P<gap>\s*\n\s*)|(?P<html>{_HTML_TAG})|(?P<tag>{_TEMPLATE_TAG})|(?P<text>[^\s<{{]+|[^\S\n]+|.)"
)
_GAP_IN_TAG = re.compile(r"\s*\n\s*(?=((?:\{%.*?%\}[^\S\n]*)+\n|/?>$)?)")
_NAME = re.compile(r"</?\s*([\w.-]+)|\{%\s*([\w:]+)")


@dataclass(frozen=True)
class Piece:
    """A part of a template; `open_before`, `open_after`: a line break there is nothing."""

    text: str
    kind: str  # gap | html | control | text
    name: str = ""
    open_before: bool = False
    open_after: bool = False


def collapsed(source: str) -> str:
    """The template without the layout of its lines."""
    pieces = list(_pieces(source))
    ends = _ends(pieces)
    return "".join(
        ("" if _is_nothing(pieces, place, ends) else " ") if piece.kind == "gap" else piece.text
        for place, piece in enumerate(pieces)
    )


def _pieces(source: str) -> Iterator[Piece]:
    place = 0
    while place < len(source):
        found = _PIECE.match(source, place)
        if not found:  # a lone newline is a gap, all else is text: the pattern takes every character
            raise ValueError(f"No piece of a template at {source[place : place + 40]!r}")
        place, piece = found.end(), _piece(found)
        yield piece
        if piece.kind == "html" and piece.name in VERBATIM and not piece.text.startswith("</"):
            end = source.find(f"</{piece.name}", place)
            yield Piece(source[place:end], "text")
            place = end


def _piece(found: re.Match[str]) -> Piece:
    text, kind = found[0], found.lastgroup
    if kind == "html":
        return _element(text)
    if kind == "tag" and (
        text.startswith("{#") or _name(text).removeprefix("end") in OPENING | BETWEEN | SILENT
    ):
        return Piece(text, "control", _name(text))
    return Piece(text, "gap" if kind == "gap" else "text")


def _element(text: str) -> Piece:
    name = _name(text).lower()
    block = (
        name in BLOCK_LEVEL or name in BLOCK_COMPONENTS or text.startswith("<!") or 'type="hidden"' in text
    )
    closing = text.startswith("</")
    opening = not closing and name not in VOID and not text.endswith("/>")
    return Piece(_on_one_line(text), "html", name, block or closing, block or opening)


def _on_one_line(text: str) -> str:
    """A tag whose attributes stand on lines of their own: a blank in front of each, none before a line of {% %}."""
    return _GAP_IN_TAG.sub(lambda found: "" if found[1] else " ", text) if "\n" in text else text


def _name(text: str) -> str:
    found = _NAME.match(text)
    return (found[1] or found[2]) if found else ""


def _ends(pieces: list[Piece]) -> dict[int, tuple[int, int]]:
    """For {% else %} and its like: the places where their block begins and ends."""
    ends: dict[int, tuple[int, int]] = {}
    open_blocks: list[list[int]] = []
    for place, piece in enumerate(pieces):
        if piece.kind != "control":
            continue
        if piece.name in OPENING:
            open_blocks.append([place])
        elif piece.name in BETWEEN:
            open_blocks[-1].append(place)
        elif piece.name.startswith("end"):
            first, *between = open_blocks.pop()
            ends |= dict.fromkeys(between, (first, place))
    return ends


def _is_nothing(pieces: list[Piece], gap: int, ends: dict[int, tuple[int, int]]) -> bool:
    return (
        _after_a_line_of_tags(pieces, gap)
        or _left_is_open(pieces, gap - 1, ends)
        or _right_is_open(pieces, gap + 1, ends)
    )


def _after_a_line_of_tags(pieces: list[Piece], gap: int) -> bool:
    place = gap - 1
    while place >= 0 and pieces[place].kind == "control":
        place -= 1
    return place < gap - 1 and (place < 0 or pieces[place].kind == "gap")


def _left_is_open(pieces: list[Piece], place: int, ends: dict[int, tuple[int, int]]) -> bool:
    """Whether nothing is seen of a break after this place; a branch begins where its block does."""
    while place >= 0 and pieces[place].kind in {"control", "gap"}:
        name = pieces[place].name
        if name.startswith("end") or name == "for":
            return False
        place = ends[place][0] if name in BETWEEN else place - 1
    return place < 0 or pieces[place].open_after


def _right_is_open(pieces: list[Piece], place: int, ends: dict[int, tuple[int, int]]) -> bool:
    """Whether nothing is seen of a break before this place; a branch is left where its block ends."""
    while place < len(pieces) and pieces[place].kind in {"control", "gap"}:
        name = pieces[place].name
        if name in OPENING or name in {"endfor", "empty"}:
            return False
        place = ends[place][1] if name in BETWEEN else place + 1
    return place == len(pieces) or pieces[place].open_before
