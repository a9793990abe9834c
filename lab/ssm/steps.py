"""How the agent reads a document: its lines, preconditions, time-outs, and which steps it leaves out."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.ssm.commands import StepResult
from lab.ssm.statuses import Status

EXIT_SKIP_REST, EXIT_FAIL_REST = 168, 169
EXECUTION_DEFAULT_S = 3600
EXECUTION_RANGE_S = (5, 172_800)
Inputs = Mapping[str, Any]


def timeout_of(inputs: Inputs) -> float:
    """Seconds; whole text or a number; out of range silently becomes an hour, as in the agent."""
    given = inputs.get("timeoutSeconds", EXECUTION_DEFAULT_S)
    try:
        seconds = int(given)
    except (TypeError, ValueError, OverflowError):
        return EXECUTION_DEFAULT_S
    low, high = EXECUTION_RANGE_S
    return seconds if low <= seconds <= high else EXECUTION_DEFAULT_S


def script_of(inputs: Inputs) -> str:
    """The lines joined; a list that took the place of a line gives its own lines."""
    return "\n".join(lines_of(inputs["runCommand"]))


def lines_of(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, Sequence):
        for one in found:
            yield from lines_of(one)


def left_out(inputs: Sequence[Inputs], results: Sequence[StepResult]) -> str:
    """Why an earlier step keeps the next one from running; empty when it runs.

    `inputs` are those of all steps, `results` those of the steps that are over. A failed step alone stops nothing.
    """
    step = inputs[len(results)]
    if says(step, "finallyStep") == "true" and len(results) == len(inputs) - 1:
        return ""
    if any(ends_all(given, result) for given, result in zip(inputs, results, strict=False)):
        return "skipped due to prior step with an exit condition"
    return ""


def ends_all(inputs: Inputs, result: StepResult) -> bool:
    if result.code in (EXIT_SKIP_REST, EXIT_FAIL_REST):
        return True
    failed = result.status == Status.FAILED and says(inputs, "onFailure") == "exit"
    return failed or (result.status == Status.SUCCESS and says(inputs, "onSuccess") == "exit")


def says(inputs: Inputs, name: str) -> str:
    """A modifier as text; only `inputs` may hold it, and only text or a truth value counts."""
    value = inputs.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ""


def tell_end(result: StepResult) -> None:
    """The agent's own words below stderr. Who was killed by somebody else has no code: -1."""
    if result.code < 0:
        name = signal.strsignal(-result.code) or f"signal {-result.code}"
        words, result.code = f"signal: {name.lower()}", -1
    elif result.status == Status.FAILED:
        words = f"exit status {result.code}"
    else:
        return
    result.stderr += f"failed to run commands: {words}".encode()


def judge(result: StepResult, inputs: Inputs) -> None:
    """Status, code and added words of a step that ended by itself with `result.code`."""
    failed = result.code not in (0, EXIT_SKIP_REST)
    result.status = result.details = Status.FAILED if failed else Status.SUCCESS
    if result.code == EXIT_SKIP_REST:
        result.added = "\nStep exited with code 168. Therefore, marking step as succeeded. "
        result.mute = True  # the agent drops what it wrote to stderr
    elif result.code == EXIT_FAIL_REST:
        result.added = "\nStep exited with code 169. Therefore, marking step as Failed. "
    elif failed and says(inputs, "onFailure") in ("exit", "successAndExit"):
        result.added = "\nStep was found to have onFailure property. "
        if says(inputs, "onFailure") == "successAndExit":
            result.status = result.details = Status.SUCCESS
            result.code = EXIT_SKIP_REST
    if result.added:
        result.added += "Further document steps will be skipped."
