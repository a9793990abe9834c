"""The index of docs/adr/, and what each decision must hold; with --check only compares and names what is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "adr"
INDEX = FOLDER / "README.md"
PARTS = ("**Situation.**", "**Decision.**", "**Consequences.**")
STATUS = re.compile(r"(Accepted|Replaced by \d{4}|Withdrawn), \d{4}-\d\d-\d\d\.")
HEAD = """# Decisions

One page for each decision that a newcomer would question: what the situation was, what was decided, what it costs.
A decision that no longer holds keeps its page and names the one that replaced it.
Written by `python -m script.decisions`.

| | decision | status |
|---|---|---|
"""


def main() -> int:
    pages = sorted(FOLDER.glob("[0-9]*.md"))
    wrong = [said for page in pages for said in faults(page.name, page.read_text())]
    text = HEAD + "".join(row(page.name, page.read_text()) for page in pages) if not wrong else ""
    if not wrong and "--check" in sys.argv and INDEX.read_text() != text:
        wrong = ["docs/adr/README.md is not the index of its folder"]
    for said in wrong:
        print(said)
    if not wrong and "--check" not in sys.argv:
        INDEX.write_text(text)
    return 1 if wrong else 0


def faults(name: str, text: str) -> list[str]:
    """What is missing on one page, each as a sentence."""
    lines, number = text.splitlines(), name[:4]
    found = [] if lines[0].startswith(f"# {number}. ") else [f"{name} does not begin with '# {number}. '"]
    if len(lines) < 3 or not STATUS.fullmatch(lines[2]):
        found.append(f"{name}: its third line is no status such as 'Accepted, 2026-11-29.'")
    return found + [f"{name} lacks {part}" for part in PARTS if part not in text]


def row(name: str, text: str) -> str:
    title, status = text.splitlines()[0], text.splitlines()[2]
    return f"| [{name[:4]}]({name}) | {title.partition('. ')[2]} | {status.rstrip('.')} |\n"


if __name__ == "__main__":
    sys.exit(main())
