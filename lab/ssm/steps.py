"""How the agent reads a document: text substitution, preconditions, time-outs, when to go on after a step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

EXIT_SKIP_REST, EXIT_FAIL_REST = 168, 169
EXECUTION_DEFAULT_S = 3600
EXECUTION_RANGE_S = (5, 172_800)
_PLACE = re.compile(r"\{\{\s*([a-zA-Z0-9]+)\s*\}\}")


def timeout_of(step: Mapping[str, Any]) -> float:
    """Seconds; text or number; out of range silently becomes an hour, as in the agent."""
    try:
        seconds = float(step["inputs"].get("timeoutSeconds", EXECUTION_DEFAULT_S))
    except (TypeError, ValueError):
        return EXECUTION_DEFAULT_S
    low, high = EXECUTION_RANGE_S
    return seconds if low <= seconds <= high else EXECUTION_DEFAULT_S


def script_of(step: Mapping[str, Any], parameters: Mapping[str, list[str]], types: Mapping[str, Any]) -> str:
    """The lines joined, parameters pasted in as text: nothing is quoted; an unknown {{ X }} stays."""
    text = "\n".join(step["inputs"]["runCommand"])
    return _PLACE.sub(lambda found: pasted(found, parameters, types), text)


def pasted(found: re.Match[str], parameters: Mapping[str, list[str]], types: Mapping[str, Any]) -> str:
    name = found[1]
    if name not in parameters:
        return found[0]
    if types[name]["type"] == "StringList":
        return json.dumps(parameters[name], separators=(",", ":")).replace("$$", "$")
    return parameters[name][0].replace("$$", "$")


def applies(step: Mapping[str, Any], platform: str) -> bool:
    """precondition StringEquals [platformType, X], compared without case."""
    wanted = (step.get("precondition") or {}).get("StringEquals")
    if not wanted:
        return True
    values = [platform if str(value) == "platformType" else str(value) for value in wanted]
    return len({value.casefold() for value in values}) == 1


def goes_on(step: Mapping[str, Any], code: int) -> bool:
    """Whether the next step runs. A failed step stops nothing unless inputs.onFailure says so."""
    if code in (EXIT_SKIP_REST, EXIT_FAIL_REST):
        return False
    return code == 0 or step["inputs"].get("onFailure") not in ("exit", "successAndExit")


def status_of(step: Mapping[str, Any], code: int) -> tuple[str, str]:
    """(Status, StatusDetails) of a step that ended by itself."""
    good = code in (0, EXIT_SKIP_REST)
    forgiven = step["inputs"].get("onFailure") == "successAndExit"
    return ("Success", "Success") if good or forgiven else ("Failed", "Failed")
