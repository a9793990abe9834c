"""script/check finds a dependency that nothing uses, and a reason that is none any more."""

from __future__ import annotations

import ast

import pytest

from script import dependencies
from script.dependencies import NOT_IMPORTED, asked_for, complaints, imported, named, sources

IMPORTS = imported(sources())


def test_every_direct_dependency_is_used() -> None:
    assert complaints(asked_for(), IMPORTS, NOT_IMPORTED) == []


def test_a_planted_one_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(dependencies, "asked_for", lambda: [*asked_for(), "leftpad", "packaging-extras"])
    assert dependencies.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "leftpad: nothing imports it. Remove it, or say why in script/dependencies.py.",
        "packaging-extras: nothing imports it. Remove it, or say why in script/dependencies.py.",
    ]


def test_so_is_an_installed_one_that_nothing_imports() -> None:
    found = complaints(asked_for(), IMPORTS - {"celery"}, NOT_IMPORTED)
    assert [sentence.partition(":")[0] for sentence in found] == ["celery"]


def test_a_reason_must_still_be_one() -> None:
    more = {**NOT_IMPORTED, "celery": "it was a plugin once", "gone": "it was asked for once"}
    assert complaints(asked_for(), IMPORTS, more) == [
        "celery: it is imported; its reason in script/dependencies.py can go.",
        "gone: pyproject.toml does not ask for it; its reason in script/dependencies.py can go.",
    ]


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("import a.b, c", {"a", "c"}),
        ("def f():\n    from d.e import x", {"d"}),
        ("from . import y", set()),
        ("'import g'", set()),
    ],
)
def test_what_an_import_names(line: str, modules: set[str]) -> None:
    nodes = ast.walk(ast.parse(line))
    assert {name.partition(".")[0] for node in nodes for name in named(node)} == modules
