"""AWS's words stand in one file each: nowhere else is one written that AWS alone has, or compared with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum, StrEnum
from pathlib import Path

import pytest

from aws import states
from aws.command_status import CommandStatus
from lab.ssm.statuses import Status
from tests.architecture.test_imports import ROOT, sources

PRODUCT = {"aws", "portal", "exceptions", "patching", "reports"}
# `codes` holds what AWS calls its errors: of these, one reads like a status.
HOMES = {"aws/command_status.py", "aws/states.py", "aws/codes.py"}
LAB_HOME = "lab/ssm/statuses.py"
ENUMS = [one for one in vars(states).values() if isinstance(one, type) and issubclass(one, Enum)]
WORDS = {one.word for one in CommandStatus} | {
    str(member.value) for one in ENUMS if one is not StrEnum for member in one
}
# Also words of people and of the product: as a label or a key they stand anywhere, compared with nowhere.
ENGLISH = {"Success", "Failed", "Cancelled", "Cancelling", "Pending", "Delayed", "Terminated", "Incomplete", "Active",
           "Inactive", "Creating", "Updating", "Deleting", "OK", "Online"}  # fmt: skip
LOWER = {word for word in WORDS if word.islower() and "-" not in word}
ALONE = WORDS - ENGLISH - LOWER
ASKED = re.compile(r"(ssm_|ping_|instance_)?(status|status_details|state)(__in)?")


def texts(node: ast.AST) -> Iterator[ast.Constant]:
    """Plain texts of an expression: itself, or what a tuple, list or set holds; not what a call or an index takes."""
    if isinstance(node, ast.Constant):
        yield node
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for item in node.elts:
            yield from texts(item)


def compared(node: ast.AST) -> Iterator[ast.Constant]:
    """What a value is held against, here."""
    match node:
        case ast.Compare():
            for side in (node.left, *node.comparators):
                yield from texts(side)
        case ast.Set() | ast.MatchValue(value=ast.Constant()):
            yield from texts(node if isinstance(node, ast.Set) else node.value)
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            for given in node.args:
                yield from texts(given)
        case ast.keyword(arg=str(name)) if ASKED.fullmatch(name):
            yield from texts(node.value)


def copies(source: str) -> list[str]:
    """Every word of AWS that stands in this source where only the enum may be."""
    nodes = list(ast.walk(ast.parse(source)))
    written = [node for node in nodes if isinstance(node, ast.Constant) and node.value in ALONE]
    held = [text for node in nodes for text in compared(node) if text.value in WORDS]
    return sorted({f"{node.lineno}: {node.value}" for node in (*written, *held)})


def product() -> list[Path]:
    files = [path for path in sources() if path.parts[0] in PRODUCT and "migrations" not in path.parts]
    return [path for path in files if str(path) not in HOMES]


def test_no_file_of_the_product_has_a_word_of_aws_of_its_own() -> None:
    found = {str(path): copies((ROOT / path).read_text()) for path in product()}
    assert {name: words for name, words in found.items() if words} == {}


def test_no_template_compares_with_a_word_of_a_command() -> None:
    words = "|".join(sorted(one.word for one in CommandStatus) + sorted(states.PingStatus))
    held = re.compile(rf"(==|!=|\bin) *[\"']({words})[\"']")
    templates = sorted((ROOT / "templates").rglob("*.html"))
    assert templates
    assert [str(path) for path in templates if held.search(path.read_text())] == []


def test_the_simulated_systems_manager_has_its_words_in_one_place() -> None:
    files = [path for path in sources() if path.parts[:2] == ("lab", "ssm") and str(path) != LAB_HOME]
    assert files
    written = {
        f"{path}:{node.lineno}: {node.value}"
        for path in files
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Constant) and node.value in set(Status)
    }
    assert written == set()


@pytest.mark.parametrize(
    "line",
    [
        'if row.status == "Success": pass',
        'if "Failed" in (status, "x"): pass',
        'TERMINAL = frozenset({"Success", "Cancelled"})',
        'NEVER_RAN = ("InvalidPlatform", 1)',
        'ASLEEP = {"stopped", "stopping"}',
        'rows.filter(asset__x=1, state__in=["stopped"])',
        'rows.update(state="terminated")',
        'if node.ping_status != "Online": pass',
        "match status:\n    case 'TimedOut': pass",
    ],
)
def test_a_copy_is_found(line: str) -> None:
    assert copies(line)


@pytest.mark.parametrize(
    "line",
    ['FAILED = "failed", "Failed"', 'kernel["running"]', 'tell("Cancelled: " + why)', 'label="Failed"'],
)
def test_a_label_or_a_key_is_no_copy(line: str) -> None:
    assert copies(line) == []
