"""Reads the report block of a document's output: valid by the committed schema, or not used at all."""

from __future__ import annotations

from typing import Any

from patching.documents.host_report import Report
from patching.documents.output import OutputUnreadable, check, loads, vouched_block
from patching.documents.result_line import ResultLine

BLOCK_LIMIT = 24_000  # what SSM can carry; documents stay below 20,000


def parse_report(stdout: str, line: ResultLine | None) -> Report:
    """The report that the result line vouches for. Raises OutputUnreadable with a sentence."""
    dispatch, text = vouched_block("REPORT", stdout, line)
    told = loads(text, BLOCK_LIMIT)
    validate(told)
    report = Report.of(told)
    if report.dispatch != dispatch:
        raise OutputUnreadable("The host's report names two different dispatches.")
    return report


def validate(report: Any) -> None:
    """Raise OutputUnreadable naming the first place where a report leaves the committed schema."""
    check(report)
