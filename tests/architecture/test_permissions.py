"""Views read servers, runs and exceptions only as far as the reader may see them.

`tests/integration/portal/test_permissions.py` walks the addresses themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "vulnerabilities", "exceptions", "patching", "reports")
# Models whose rows belong to somebody: `Model.objects` must go on with one of ASKS.
SCOPED = {"Asset", "Run", "Target", "ExceptionRequest"}
ASKS = {"visible_to", "none"}
# (file, function, model): narrowed by something else than the reader, which the reason names.
NARROWED = {
    (
        "exceptions/views/case.py",
        "decide",
        "ExceptionRequest",
    ): "read again after visible_to has let it through",
    ("patching/views/windows.py", "_consequence", "Run"): "admins only: they see all",
    ("patching/views/windows.py", "window_retire", "Run"): "admins only: they see all",
    ("portal/people/views.py", "_names", "Asset"): "admins only: they see all",
    ("portal/people/views.py", "_person_page", "Asset"): "admins only: they see all",
    ("portal/people/views.py", "person_grant", "Asset"): "admins only: they see all",
    ("reports/views/server.py", "_targets", "Target"): "the runs of one asset that the reader may see",
}


def view_files() -> list[Path]:
    found = [
        path
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "view" in "/".join(path.parts[-2:]) or path.parent.name == "api"
    ]
    assert len(found) > 8, "the walk has lost its way"
    return found


def unasked(path: Path) -> Iterator[tuple[str, str, str]]:
    """(file, function, model) of each query that does not begin with the reader's scope."""
    name = str(path.relative_to(ROOT))
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef):
            for model, after in first_calls(function):
                if model in SCOPED and after not in ASKS:
                    yield name, function.name, model


def first_calls(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """(model, method) of each `Model.objects.method`, also `Model.objects.select_related(…).method`."""
    inner: set[int] = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        chain = []
        below: ast.expr = node
        while isinstance(below, ast.Attribute | ast.Call):
            if isinstance(below, ast.Attribute):
                inner.add(id(below))
                chain.append(below.attr)
            below = below.value if isinstance(below, ast.Attribute) else below.func
        chain = chain[::-1]
        if isinstance(below, ast.Name) and chain[:1] == ["objects"]:
            yield below.id, next((word for word in chain[1:] if word in ASKS), "")


def test_every_query_of_a_view_begins_with_what_its_reader_may_see() -> None:
    found = {row for path in view_files() for row in unasked(path)}
    assert found - set(NARROWED) == set()


def test_no_exemption_outlives_its_query() -> None:
    found = {row for path in view_files() for row in unasked(path)}
    assert set(NARROWED) - found == set()
