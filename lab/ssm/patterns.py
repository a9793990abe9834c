"""allowedPattern as the agent reads it: compiled by Go's regexp, which has the rules of RE2."""

from __future__ import annotations

from functools import cache
from typing import Any

import re2

MAX_BYTES = 128 << 20  # Go's own limit for one compiled pattern
# RE2's words, and Go's for the same fault.
GO_WORDS = {
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "pattern too large - compile failed": "expression too large",
}


class Uncompilable(ValueError):
    """No agent can compile the pattern; the text is a sentence that says what Go finds wrong with it."""


@cache
def compiled(pattern: str) -> Any:
    """The pattern, to `search` in values with; `$` is the end of the value alone. Raises Uncompilable."""
    options = re2.Options()
    options.log_errors = False  # its standard error is not ours
    options.max_mem = MAX_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as problem:
        raise Uncompilable(f"The pattern {pattern} does not compile: {in_go(problem)}.") from problem


def in_go(problem: re2.error) -> str:
    """What is wrong as Go says it: "invalid repeat count: `{0,2000}`"."""
    found = problem.args[0]
    words, _, where = (found.decode() if isinstance(found, bytes) else str(found)).partition(": ")
    return f"{GO_WORDS.get(words, words)}: `{where}`"
