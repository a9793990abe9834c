"""docs/checks.md, the schema's enums and the scripts name the same checks, codes and faults."""

from __future__ import annotations

import json
import re

from lab.scenario import FAULTS
from lab.shims import template
from patching.checks import QUESTIONS, REPAIRED_FROM_THE_START
from patching.documents.assemble import HERE, source
from patching.documents.output import SCHEMA_PATH

PAGE = (HERE.parents[1] / "docs/checks.md").read_text()
ENUMS = {
    name: set(part["enum"])
    for name, part in json.loads(SCHEMA_PATH.read_text())["$defs"].items()
    if "enum" in part
}
BLOCKING = r"^\s*examine (\w+) (early|late|never) (\w+|-)$"
TOLD = r"^\s*told (\w+) (early|late|never)()$"
EXAMINED = [
    (name, level, code or "-")
    for pattern in (BLOCKING, TOLD)
    for name, level, code in re.findall(pattern, source("precheck", "linux"), re.MULTILINE)
]


def rows() -> dict[str, list[str]]:
    table = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    return {cells[0].strip().strip("`"): cells[1:] for cells in table}


def test_every_check_is_in_the_schema_and_on_the_page() -> None:
    linux = {name for name, _, _ in EXAMINED}
    assert len(linux) == len(EXAMINED) > 0
    assert linux | {"update_service"} == ENUMS["check_name"] == set(rows())


def test_the_page_tells_the_code_that_blocks() -> None:
    for name, _, code in EXAMINED:
        blocks = rows()[name][1]
        assert (f"`{code}`" in blocks) if code != "-" else ("told only" in blocks), name
        assert code == "-" or code in ENUMS["error_code"]
    assert "repository_unsigned" in ENUMS["error_code"]


def test_every_question_to_a_tool_has_words() -> None:
    assert set(QUESTIONS) == ENUMS["question"]


def test_a_check_without_a_fix_says_so() -> None:
    for name, level, _ in EXAMINED:
        assert rows()[name][2].strip().startswith("none") is (level == "never"), name


def test_what_blocks_nobody_and_is_repaired_from_the_start_on_is_known_to_the_engine() -> None:
    """A host that is fit for all else is checked once more for these: the patch itself repairs nothing."""
    script = source("precheck", "linux")
    late = {name for name, level, code in EXAMINED if code == "-" and level == "late"}
    partly = {
        name
        for name, body in re.findall(r"^fix_(\w+)\(\) \{\n(.*?)^\}", script, re.M | re.S)
        if "may_fix late" in body
    }
    told = {name for name, _, code in EXAMINED if code == "-"}
    assert late | (partly & told) == REPAIRED_FROM_THE_START


def test_the_page_names_every_fault_of_a_check() -> None:
    others = {"update_fails", "hang"}
    assert template.FAULTS - others == set(re.findall(r"`(\w+)`", PAGE.partition("## Seeing them")[2])) - {
        "faults"
    }
    assert template.FAULTS <= FAULTS
