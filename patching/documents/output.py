"""What a document prints: a result line, then blocks that the line vouches for by their SHA-256.

Host output is never trusted. It may be torn, doubled or cut: the last complete line counts, and of each kind of block
the last complete one that the line vouches for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import Draft202012Validator

from aws.plain import plain
from patching.documents.result_line import Kind, ResultLine
from patching.documents.schema import Test, test_of

STDOUT_LIMIT = 500_000  # characters looked at, from the end
LINE_LIMIT = 2_400  # SSM's list calls show 2,500 bytes; documents stay below 2,000
SCHEMA_PATH = Path(__file__).parent / "host-report.schema.json"

_LINE = re.compile(r"^PATCH-PORTAL-RESULT (\{[^\n]*\})\r?$", re.MULTILINE)
_OPEN = {
    kind: re.compile(rf"^<<<PATCH-PORTAL-{kind} ([0-9a-f-]{{36}})\r?$", re.MULTILINE)
    for kind in ("REPORT", "PACKAGES")
}
# All that a Windows script can say where a policy of the host restricts its language.
_RESTRICTED = re.compile(r"^Patch Portal: (PowerShell may not run here: [^\r\n]{0,200})\r?$", re.MULTILINE)
_CLOSE = {kind: re.compile(rf"^PATCH-PORTAL-{kind}>>>\r?$", re.MULTILINE) for kind in ("REPORT", "PACKAGES")}


class OutputUnreadable(Exception):
    """The output cannot be used; the message is a sentence for the run page."""


def parse_result_line(stdout: str) -> ResultLine | None:
    """The last complete result line, or None when there is none (torn, cut, not as agreed, or never printed)."""
    for found in reversed(list(_LINE.finditer(_tail(stdout)))):
        try:
            return _result_line(loads(found[1], LINE_LIMIT))
        except OutputUnreadable:
            continue
    return None


def vouched_block(kind: Kind, stdout: str, line: ResultLine | None) -> tuple[str, str]:
    """(dispatch in its marker, text) of the last complete block that has the SHA-256 of the line.

    Raises OutputUnreadable with a sentence. The line must be the one that Systems Manager itself returned for this
    host: what lies in a bucket other hosts may have written.
    """
    if line is None:
        raise OutputUnreadable(_absence(kind, stdout) or "The host's output has no result line.")
    for dispatch, text in _blocks(kind, _tail(stdout)):
        if hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() == line.sha256_of(kind):
            return dispatch, text
    raise OutputUnreadable(
        _absence(kind, stdout) or "The host's output does not match the SHA-256 of its result line."
    )


def loads(text: str, limit: int) -> Any:
    """JSON of at most `limit` bytes, without characters that a database or a terminal would stumble over."""
    if len(text.encode("utf-8", "replace")) > limit:
        raise OutputUnreadable(f"The host's report is larger than {limit} bytes.")
    try:
        return clean(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError) as problem:
        raise OutputUnreadable(f"The host's report is not valid JSON: {str(problem)[:120]}") from problem


def clean(value: Any) -> Any:
    """The same value without unsafe characters in any of its texts."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): clean(item) for key, item in value.items()}
    return value


def check(value: Any, part: str = "") -> None:
    """Raise OutputUnreadable naming the first place where a value leaves the committed schema, or one of its parts."""
    if _test(part)(value):
        return
    problem = next(iter(_validator(part).iter_errors(value)), None)
    where = ".".join(str(step) for step in problem.absolute_path) if problem else ""
    said = problem.message[:200] if problem else "It cannot be told why."
    raise OutputUnreadable(f"The host's report is not as agreed: {where or 'the report'}: {said}")


@cache
def _test(part: str) -> Test:
    schema = _schema(part)
    return test_of(schema, schema)


@cache
def _validator(part: str) -> Draft202012Validator:
    return Draft202012Validator(_schema(part))


def _schema(part: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text())
    return {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]} if part else schema


def _tail(stdout: str) -> str:
    return stdout[-STDOUT_LIMIT:]


def _blocks(kind: Kind, stdout: str) -> Iterator[tuple[str, str]]:
    """Complete blocks, last first. A block that was cut has no closing marker before the next opening one."""
    end = len(stdout)
    for opened in reversed(list(_OPEN[kind].finditer(stdout))):
        closed = _CLOSE[kind].search(stdout, opened.end(), end)
        if closed:
            yield opened[1], stdout[opened.end() : closed.start()].strip("\r\n")
        end = opened.start()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _absence(kind: Kind, stdout: str) -> str:
    """Why there is no complete block; empty when there is one."""
    if not stdout.strip():
        return "The host printed nothing."
    if restricted := _RESTRICTED.search(stdout[:1_000]):
        return plain(restricted[1])
    if next(_blocks(kind, _tail(stdout)), None):
        return ""
    if _OPEN[kind].search(stdout):
        return "The host's report was cut off before its end."
    return "The host's output holds no report."


def _result_line(line: dict[str, Any]) -> ResultLine:
    check(line, "result_line")
    return ResultLine.of(line)
