"""Parameters pasted into a document as the agent does it: as text, quoted by nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lab import agent_versions

Value = str | list[str]
_NAME = re.compile(r"[a-zA-Z0-9]+")
_PLACE = re.compile(r"\{\{\s*([a-zA-Z0-9]+)\s*\}\}")
# Old agents replace with Go's ReplaceAllString, which reads these marks in the VALUE: `$$` is a dollar, `$0` the
# place itself, and the name of a group that the pattern does not have is nothing at all.
_MARK = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def replaced(found: Any, parameters: Mapping[str, Value], agent: str = agent_versions.CURRENT) -> Any:
    """Any part of a step with its places filled as an agent of this version does: text, lists and mappings alike."""
    if isinstance(found, str):
        return replaced_text(found, parameters, agent)
    if isinstance(found, list):
        return [replaced(one, parameters, agent) for one in found]
    if isinstance(found, Mapping):
        return {key: replaced(one, parameters, agent) for key, one in found.items()}
    return found


def replaced_text(text: str, parameters: Mapping[str, Value], agent: str) -> Value:
    """A text that is one place alone becomes the value itself; within other text a list becomes JSON."""
    if "{{" not in text:  # nearly every line of a script; a fleet has ten thousand hosts
        return text
    usable = {name: value for name, value in parameters.items() if _NAME.fullmatch(name)}
    alone = _PLACE.fullmatch(text)
    if alone and alone[1] in usable:
        return usable[alone[1]]
    texts = {name: as_text(value) for name, value in usable.items()}
    once = agent_versions.can(agent, agent_versions.ONE_PASS)
    return in_one_pass(text, texts) if once else one_after_the_other(text, texts)


def as_text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def in_one_pass(text: str, values: Mapping[str, str]) -> str:
    """Places within values stay; `$$` in a value becomes `$`, and nothing else of it changes."""

    def meaning(found: re.Match[str]) -> str:
        return values[found[1]].replace("$$", "$") if found[1] in values else found[0]

    return _PLACE.sub(meaning, text)


def one_after_the_other(text: str, values: Mapping[str, str]) -> str:
    """As old agents do: a value that holds another parameter's place has it filled, too."""
    for name, value in values.items():
        text = paste(text, name, value)
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
