"""Reads what the documents print: the result line and the report block. Host output is never trusted.

Tolerates torn, doubled and cut output: the last complete line and the last complete block count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import Draft202012Validator

STDOUT_LIMIT = 500_000  # characters looked at, from the end
BLOCK_LIMIT = 24_000  # what SSM can carry; documents stay below 20,000
LINE_LIMIT = 2_400
SCHEMA_PATH = Path(__file__).parent / "host-report.schema.json"

_LINE = re.compile(r"^PATCH-PORTAL-RESULT (\{[^\n]*\})\r?$", re.MULTILINE)
_OPEN = re.compile(r"^<<<PATCH-PORTAL-REPORT ([0-9a-f-]{36})\r?$", re.MULTILINE)
_CLOSE = re.compile(r"^PATCH-PORTAL-REPORT>>>\r?$", re.MULTILINE)
# PostgreSQL's jsonb refuses NUL and lone surrogates; terminals obey control characters.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class ReportUnreadable(Exception):
    """The output holds no usable report; the message is a sentence for the run page."""


@dataclass(frozen=True)
class ResultLine:
    """The first line of a report: enough for counts and a status where only 2,500 characters came through."""

    dispatch: str
    phase: str
    status: str
    error: str  # an error code, or ""
    kernel_running: str
    kernel_newest: str
    boot_id: str
    installed: int | None
    upgradable: int | None  # None: the host could not tell
    security: int | None
    changed: int
    broken: int
    reboot_needed: bool
    reboot_done: bool
    took_s: int
    aside: int = 0  # pending, and left out on purpose


def parse_result_line(stdout: str) -> ResultLine | None:
    """The last complete result line, or None when there is none (torn, cut, or never printed)."""
    for found in reversed(list(_LINE.finditer(_tail(stdout)))):
        try:
            return _result_line(_loads(found[1], LINE_LIMIT))
        except (ReportUnreadable, KeyError, TypeError):
            continue
    return None


def parse_report(stdout: str) -> dict[str, Any]:
    """The last complete report block, valid by the schema. Raises ReportUnreadable with a sentence."""
    last: ReportUnreadable | None = None
    for dispatch, body in _blocks(_tail(stdout)):
        try:
            return _one_report(dispatch, body)
        except ReportUnreadable as problem:
            last = last or problem
    raise last or ReportUnreadable(_absence(stdout))


def validate(report: Any) -> None:
    """Raise ReportUnreadable naming the first place where a report leaves the committed schema."""
    problem = next(iter(_validator().iter_errors(report)), None)
    if problem is not None:
        where = ".".join(str(step) for step in problem.absolute_path) or "the report"
        raise ReportUnreadable(f"The host's report is not as agreed: {where}: {problem.message[:200]}")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))


def _tail(stdout: str) -> str:
    return stdout[-STDOUT_LIMIT:]


def _blocks(stdout: str) -> Iterator[tuple[str, str]]:
    """Complete blocks, last first. A block that was cut has no closing marker before the next opening one."""
    end = len(stdout)
    for opened in reversed(list(_OPEN.finditer(stdout))):
        closed = _CLOSE.search(stdout, opened.end(), end)
        if closed:
            yield opened[1], stdout[opened.end() : closed.start()]
        end = opened.start()


def _one_report(dispatch: str, body: str) -> dict[str, Any]:
    report: dict[str, Any] = _loads(body, BLOCK_LIMIT)
    validate(report)
    if report["dispatch"] != dispatch:
        raise ReportUnreadable("The host's report names two different dispatches.")
    return report


def _loads(text: str, limit: int) -> Any:
    if len(text.encode("utf-8", "replace")) > limit:
        raise ReportUnreadable(f"The host's report is larger than {limit} bytes.")
    try:
        return _safe(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError) as problem:
        raise ReportUnreadable(f"The host's report is not valid JSON: {str(problem)[:120]}") from problem


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _safe(value: Any) -> Any:
    """The same value without characters that a database or a terminal would stumble over."""
    if isinstance(value, str):
        return _UNSAFE.sub("", value)
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if isinstance(value, dict):
        return {_UNSAFE.sub("", key): _safe(item) for key, item in value.items()}
    return value


def _absence(stdout: str) -> str:
    if not stdout.strip():
        return "The host printed nothing."
    if _OPEN.search(stdout):
        return "The host's report was cut off before its end."
    return "The host's output holds no report."


def _result_line(line: dict[str, Any]) -> ResultLine:
    packages, reboot, kernel = line["packages"], line["reboot"], line["kernel"]
    return ResultLine(
        dispatch=_text(line["dispatch"]),
        phase=_text(line["phase"]),
        status=_text(line["status"]),
        error=_text(line["error"]),
        kernel_running=_text(kernel["running"]),
        kernel_newest=_text(kernel["newest"]),
        boot_id=_text(line["boot_id"]),
        installed=_count(packages["installed"]),
        upgradable=_count(packages["upgradable"]),
        security=_count(packages["security"]),
        changed=_count(packages["changed"]) or 0,
        broken=_count(packages["broken"]) or 0,
        reboot_needed=reboot["needed"] is True,
        reboot_done=reboot["done"] is True,
        took_s=_count(line["took_s"]) or 0,
        aside=_count(packages.get("aside", 0)) or 0,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 2**31:
        raise TypeError("not a count")
    return value
