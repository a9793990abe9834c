"""No module needs itself by a detour, not by an import inside a function or for types either."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aws", "portal", "exceptions", "patching", "reports", "lab", "embedded", "demo")


def sources() -> dict[str, str]:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text()
        for path in files
    }


def imports(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Module → the modules among these that it imports anywhere in its text."""
    return {name: set(_imported(text, texts)) - {name} for name, text in texts.items()}


def _imported(text: str, known: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in named:
            while name and name not in known:
                name = name.rpartition(".")[0]  # noqa: PLW2901
            if name:
                yield name


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle in their order; empty without one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_no_circle() -> None:
    assert circle(imports(sources())) == []


def test_a_circle_by_a_late_import_is_found() -> None:
    planted = {"lab.a": "from lab import b", "lab.b": "def late():\n    import lab.a"}
    assert set(circle(imports(planted))) == {"lab.a", "lab.b"}
