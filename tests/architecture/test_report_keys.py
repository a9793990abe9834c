"""The keys of the host report stand in one file, those of its result line in another: all else reads typed values."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_imports import ROOT, sources

DOCUMENTS = "patching/documents"
DOORS = {f"{DOCUMENTS}/host_facts.py", f"{DOCUMENTS}/host_report.py", f"{DOCUMENTS}/result_line.py"}
READERS = {"portal", "exceptions", "patching", "reports"}
# Keys that other things of the product are told by, too: people, forms, AWS's answers, documents.
SHARED = {"name", "state", "phase", "dispatch", "schema", "id", "version", "kind", "arch", "command_id", "instance_id",
          "report", "error", "from", "to", "code", "detail", "status"}  # fmt: skip


IN_SQL = re.compile(r"(\w+__)?content__\w")


def keys_of(node: Any) -> Iterator[str]:
    """Every property that the schema names, at any depth."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for value in node.values():
            yield from keys_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys_of(value)


# What a session, an audit event and a form keep by the same word.
OTHERS = {("patching/views/enrolment.py", "before"), ("portal/audit/changes.py", "changed"),
          ("reports/views/packages.py", "security"), ("reports/views/changes.py", "security"),
          ("patching/views/run.py", "total")}  # fmt: skip
KEYS = set(keys_of(json.loads((ROOT / DOCUMENTS / "host-report.schema.json").read_text()))) - SHARED


def read(source: str) -> list[str]:
    """Every place that takes a part of a report by its key."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(key))) if key in KEYS:
                found.append(f"{node.lineno}: {key}")
            case ast.Call(func=ast.Attribute(attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_]):
                found += [f"{node.lineno}: {key}"] if key in KEYS else []
            case ast.Constant(value=str(path)) | ast.keyword(arg=str(path)) if IN_SQL.match(path):
                found.append(path)
    return found


def readers() -> list[Path]:
    files = [path for path in sources() if path.parts[0] in READERS and "migrations" not in path.parts]
    return [path for path in files if str(path) not in DOORS]


def test_no_file_but_its_own_reads_a_report_by_its_keys() -> None:
    found = {(str(path), place) for path in readers() for place in read((ROOT / path).read_text())}
    others = {(name, place) for name, place in found if (name, place.rpartition(" ")[2]) in OTHERS}
    assert found - others == set()


def test_the_keys_are_known() -> None:
    assert {"after", "packages", "upgradable", "checks", "aside", "truncated", "boot_id", "reboot"} <= KEYS


@pytest.mark.parametrize(
    "line",
    [
        'report["after"]',
        'side["packages"]["held"]',
        'report.get("changes", [])',
        'told.pop("aside")',
        'rows.values_list("content__checks")',
        "rows.filter(content__took_s=3)",
    ],
)
def test_a_key_is_found(line: str) -> None:
    assert read(line)


@pytest.mark.parametrize("line", ["report.after", 'row["name"]', 'f"content__{CHECKS}"', 'tell("changes")'])
def test_a_typed_value_is_none(line: str) -> None:
    assert read(line) == []
