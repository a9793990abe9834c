"""Parameters pasted into a document as the agent does it: as text, quoted by nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Value = str | list[str]
_NAME = re.compile(r"[a-zA-Z0-9]+")
# The agent replaces with Go's ReplaceAllString, which reads these marks in the VALUE: `$$` is a dollar, `$0` the
# place itself, and the name of a group that the pattern does not have is nothing at all.
_MARK = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def replaced(found: Any, parameters: Mapping[str, Value]) -> Any:
    """Any part of a step with its places filled: text, lists and mappings alike."""
    if isinstance(found, str):
        return replaced_text(found, parameters)
    if isinstance(found, list):
        return [replaced(one, parameters) for one in found]
    if isinstance(found, Mapping):
        return {key: replaced(one, parameters) for key, one in found.items()}
    return found


def replaced_text(text: str, parameters: Mapping[str, Value]) -> Value:
    """A text that is one place alone becomes the value itself; within other text a list becomes JSON."""
    if "{{" not in text:  # nearly every line of a script; a fleet has ten thousand hosts
        return text
    usable = {name: value for name, value in parameters.items() if _NAME.fullmatch(name)}
    for name, value in usable.items():
        if re.fullmatch(place(name), text):
            return value
    for name, value in usable.items():
        pasted = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        text = paste(text, name, pasted)
    return text


def place(name: str) -> str:
    return r"\{\{\s*" + name + r"\s*\}\}"


def paste(text: str, name: str, value: str) -> str:
    return re.sub(place(name), lambda found: expanded(value, found[0]), text)


def expanded(value: str, whole: str) -> str:
    def meaning(mark: re.Match[str]) -> str:
        if mark[1]:
            return "$"
        return whole if (mark[2] or mark[3]) == "0" else ""

    return _MARK.sub(meaning, value)
