"""A migration says for ever what was done: it imports nothing that may change under it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"__future__", "datetime", "decimal", "django", "pgtrigger", "uuid"}
MIGRATIONS = sorted(
    path
    for app in ("portal", "exceptions", "patching", "reports")
    for path in (ROOT / app).rglob("migrations/*.py")
)


def live(source: str) -> list[str]:
    """Modules of ours that this source imports; what stands beside the migrations with an underscore is frozen too."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or ".")
    return [name for name in names if name.partition(".")[0] not in FOREIGN and ".migrations._" not in name]


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_imports_no_live_code(path: Path) -> None:
    assert live(path.read_text()) == []


def test_live_code_is_found() -> None:
    assert live("import patching.states\nfrom portal.audit import append_only\nfrom . import words") == [
        "patching.states", "portal.audit", ".",
    ]  # fmt: skip
