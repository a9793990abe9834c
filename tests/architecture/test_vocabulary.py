"""One word for one thing, wherever people read it: the words that were given up are refused (docs/adr/0091)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = ["docs/guide/*.md", "docs/pilot.md", "docs/checks.md", "README.md"]
# Modules whose texts are sentences on screen, in mails, exports and logs of runs.
NAMES = ("notices", "words", "views/*", "views", "operations/*", "queries/*", "rules", "forms", "standing", "filters",
         "engine/*")  # fmt: skip
SPOKEN = [f"{app}/**/{name}.py" for app in ("portal", "exceptions", "patching", "reports") for name in NAMES]
INSTEAD = {
    r"needs? attention": "need you",
    r"needs? somebody": "need you",
    r"failed or unknown": "need you",
    r"need you or failed": "need you",
    r"\bincomplete\b": "need you, or what is missing",
    r">\s*Good\s*<": "Patched, or Ready where a run only checks",
}


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what people read: all of a template or guide, the strings of a module without its docstrings."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text().splitlines(), 1)
        return
    tree = ast.parse(path.read_text())
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value


def read() -> list[Path]:
    templates = [path for path in ROOT.glob("templates/**/*") if path.suffix in {".html", ".txt"}]
    found = [*templates, *(path for pattern in [*GUIDES, *SPOKEN] for path in ROOT.glob(pattern))]
    assert len(found) > 150, "the walk has lost its way"
    return sorted(set(found))


def faults(text: str) -> list[str]:
    return [f"“{found[0]}”: say “{word}”" for pattern, word in INSTEAD.items()
            if (found := re.search(pattern, text, re.IGNORECASE))]  # fmt: skip


def test_no_sentence_uses_a_word_that_was_given_up() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in read() for line, text in texts_of(path) for fault in faults(text)
    ]  # fmt: skip
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "3 need attention",
        "1 needs attention",
        "those that need somebody first",
        "2 Failed or unknown",
        '<th scope="col">Good</th>',
        "The run is incomplete.",
    ],
)
def test_a_word_that_was_given_up_is_found(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    "text", ["3 need you", "34 of 37 are patched", "Good morning", "IncompleteSignature"]
)
def test_other_words_pass(text: str) -> None:
    assert not faults(text)
