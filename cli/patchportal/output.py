"""Standard output holds data alone: a table for people, JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

GAP = "  "
WIDEST = 200  # where there is no terminal
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def as_csv(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """A spreadsheet takes no cell for a formula."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(columns)
    for row in rows:
        out.writerow([_cell(row[name]) for name in columns])


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) and not isinstance(value, (int, float)) else text


def as_table(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """As wide as the terminal: the last column gives way."""
    lines = [[name.replace("_", " ") for name in columns]]
    lines += [[shown(row[name]) for name in columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    room = shutil.get_terminal_size((WIDEST, 24)).columns if sys.stdout.isatty() else WIDEST
    for line in lines:
        text = GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        print(text if len(text) <= room else f"{text[: room - 1]}…")


def shown(value: Any) -> str:
    """Without what a terminal would obey: names come from tags and hosts."""
    if value is None:
        return "-"
    text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def say(sentence: str) -> None:
    """For people, on standard error."""
    print(shown(sentence), file=sys.stderr, flush=True)
