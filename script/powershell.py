"""Parses the Windows documents as they are assembled. Syntax only: nothing here can execute them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

DOCUMENTS = Path(__file__).resolve().parent.parent / "patching" / "documents"
# They stand before each of the others.
COMMON = [DOCUMENTS / "parts" / name for name in ("windows.ps1", "windows-output.ps1")]


def mistakes(text: str) -> Iterator[tuple[int, int]]:
    """(line, column), both from 1, of everything that the parser does not understand."""

    def walk(node: Node) -> Iterator[Node]:
        yield node
        for child in node.children:
            yield from walk(child)

    tree = Parser(Language(tree_sitter_powershell.language())).parse(text.encode())
    for node in walk(tree.root_node):
        if node.is_error or node.is_missing:
            yield node.start_point[0] + 1, node.start_point[1] + 1


def main() -> int:
    wrong = 0
    for path in sorted(DOCUMENTS.glob("*.ps1")):
        text = "\n".join(part.read_text() for part in (*COMMON, path))
        for line, column in mistakes(text):
            wrong += 1
            parts = " + ".join(part.name for part in (*COMMON, path))
            print(f"{parts}, {line}:{column}: {text.splitlines()[line - 1].strip()}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
