"""Every report that the schema accepts becomes a typed value, and the same JSON again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patching.documents.host_facts import Part
from patching.documents.host_report import CHECKS, DISPATCH, INSTANCE, PHASE, Report, ReportStatus
from patching.documents.output import SCHEMA_PATH
from patching.documents.report import validate
from patching.documents.result_line import ResultLine
from tests import fake_reports

SCHEMA = json.loads(SCHEMA_PATH.read_text())
Node = Mapping[str, Any]
WORDS = st.text(max_size=6)


def values(node: Node) -> st.SearchStrategy[Any]:
    """What a node of the schema accepts; lists stay short."""
    if "$ref" in node:
        return values(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "const" in node or "enum" in node:
        return st.sampled_from(node.get("enum") or [node["const"]])
    if many := node.get("oneOf") or node.get("anyOf"):
        return st.one_of([values(one) for one in many])
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return st.one_of([OF_TYPE[kind](node) for kind in kinds])


def texts(node: Node) -> st.SearchStrategy[str]:
    made = st.from_regex(node["pattern"], fullmatch=True) if "pattern" in node else WORDS
    return made.filter(lambda text: len(text) <= node.get("maxLength", 64))


def objects(node: Node) -> st.SearchStrategy[Any]:
    if "propertyNames" in node:
        names = st.sampled_from(node["propertyNames"]["enum"])
        return st.dictionaries(names, values(node["additionalProperties"]), max_size=4)
    needed = {name: values(node["properties"][name]) for name in node["required"]}
    more = {name: values(one) for name, one in node["properties"].items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=more)


OF_TYPE: dict[str, Any] = {
    "null": lambda node: st.none(),
    "boolean": lambda node: st.booleans(),
    # 3.0 is an integer to JSON
    "integer": lambda node: st.integers(0, node["maximum"]) | st.integers(0, 99).map(float),
    "string": texts,
    "array": lambda node: st.lists(values(node["items"]), max_size=2),
    "object": objects,
}


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(values(SCHEMA))
def test_what_the_schema_accepts_is_read_and_given_back_without_loss(told: dict[str, Any]) -> None:
    validate(told)
    before = json.dumps(told)
    report = Report.of(told)
    assert report.to_json() == told
    assert json.dumps(told) == before, "reading changed what was read"
    assert Report.of(report.to_json()) == report


def parts(part: type[Part]) -> set[str]:
    return {one.name for one in fields(part)}  # type: ignore[arg-type]  # every part is a dataclass


def test_every_key_of_the_schema_has_a_field() -> None:
    spelled = {"held_back": "aside", "lengths": "truncated"}
    assert {spelled.get(name, name) for name in parts(Report)} == set(SCHEMA["properties"])


def test_every_status_of_the_schema_has_a_name() -> None:
    assert set(ReportStatus) == set(SCHEMA["$defs"]["status"]["enum"])


def test_what_sql_reads_are_keys_of_the_schema() -> None:
    assert {CHECKS, DISPATCH, INSTANCE, PHASE} <= set(SCHEMA["required"])


def test_a_report_cannot_be_changed() -> None:
    report = Report.of(fake_reports.report(before=fake_reports.side("6.1", 2)))
    with pytest.raises(AttributeError):
        report.status = "patched"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        report.before.kernel.running = "7"  # type: ignore[misc, union-attr]


def test_true_lengths_go_with_the_list_that_was_cut() -> None:
    cut = {
        "changes": 900,
        "aside": 5,
        "before.kernel.installed": 60,
        "after.broken": 7,
        "after.duplicates": 2,
    }
    sides = {"before": fake_reports.side("6.1", 2), "after": fake_reports.side("6.1", 0)}
    report = Report.of(fake_reports.report(truncated=cut, **sides))
    assert (report.changed, report.held_back_count) == (900, 5)
    assert report.before is not None
    assert report.after is not None
    assert (report.before.unsound, report.after.unsound) == (0, 9)
    moved = replace(report, before=report.after, after=None).to_json()
    assert moved["truncated"] == {"changes": 900, "aside": 5, "before.broken": 7, "before.duplicates": 2}


def test_lengths_of_a_side_that_is_not_there_are_kept_and_count_for_nothing() -> None:
    told = fake_reports.report(truncated={"after.broken": 7})
    assert Report.of(told).to_json() == told


@pytest.mark.parametrize("key", ["aside", "not_offered"])
@pytest.mark.parametrize("value", [[], ["nginx"]])
def test_what_was_left_out_is_not_what_is_empty(key: str, value: list[str]) -> None:
    silent, told = fake_reports.report(), fake_reports.report(**{key: value})
    assert key not in Report.of(silent).to_json()
    assert Report.of(told).to_json() == told


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values(SCHEMA["$defs"]["result_line"]))
def test_a_result_line_that_the_schema_accepts_is_read(told: dict[str, Any]) -> None:
    line = ResultLine.of(told)
    assert (line.held_back, line.upgradable) == (told["packages"]["aside"], told["packages"]["upgradable"])
    assert (line.kernel_running, line.sha256_of("REPORT")) == (
        told["kernel"]["running"],
        told["sha256"]["report"],
    )
