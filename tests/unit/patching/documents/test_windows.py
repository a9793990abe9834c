"""The Windows scripts are parsed here, never executed: no PowerShell runs on the machines that test this."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from patching.documents.assemble import Phase, script

PHASES = ["precheck", "patch"]


def mistakes(text: str) -> list[tuple[int, int]]:
    def walk(node: Node) -> Iterator[tuple[int, int]]:
        if node.is_error or node.is_missing:
            yield node.start_point[0] + 1, node.start_point[1] + 1
        for child in node.children:
            yield from walk(child)

    return list(walk(Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node))


@pytest.mark.parametrize("phase", PHASES)
def test_the_script_parses(phase: Phase) -> None:
    assert mistakes(script(phase, "windows")) == []


def test_a_missing_brace_is_found() -> None:
    text = script("patch", "windows")
    cut = text.rindex("}")
    assert mistakes(text[:cut] + text[cut + 1 :])


def test_patch_reboots_by_3010_and_guards_its_dispatch() -> None:
    text = script("patch", "windows")
    assert "exit 3010" in text
    assert "exit 3010" not in script("precheck", "windows")
    assert "$env:ProgramData" in text
    assert "New-Item -ItemType Directory -Path $Folder)" in text


@pytest.mark.parametrize("phase", PHASES)
def test_it_says_that_it_was_never_executed(phase: Phase) -> None:
    assert "never executed" in script(phase, "windows")
