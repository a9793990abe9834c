"""Publishing one SSM document so that its default version has the wanted content, whoever else publishes."""

from __future__ import annotations

import time
from typing import Any

import yaml

from aws.calls import Calls
from aws.errors import Ambiguous, Missing, Refused
from aws.states import DocumentState

NOT_READY = frozenset({DocumentState.CREATING, DocumentState.UPDATING})
READY_WITHIN_S = 15.0
LOOK_EVERY_S = 0.5


def publish(calls: Calls, name: str, content: str) -> str:
    """The version of `name` with this content, made default. Raises Refused or Ambiguous (not ready)."""
    version = _default_if_same(calls, name, content)
    if version:
        return version
    version = _write(calls, name, content)
    _await_ready(calls, name, version)
    calls.call("UpdateDocumentDefaultVersion", Name=name, DocumentVersion=version)
    return version


def _default_if_same(calls: Calls, name: str, content: str) -> str:
    try:
        default = _read(calls, name)
    except Missing:
        return ""
    ready = default.get("Status") not in NOT_READY
    return str(default["DocumentVersion"]) if ready and _same(default, content) else ""


def _write(calls: Calls, name: str, content: str) -> str:
    try:
        return _create(calls, name, content)
    except Refused as refusal:
        if refusal.code != "DocumentAlreadyExists":
            raise
    try:
        return _update(calls, name, content)
    except Refused as refusal:
        if refusal.code != "DuplicateDocumentContent":
            raise
    return _version_with(calls, name, content)


def _create(calls: Calls, name: str, content: str) -> str:
    answer = calls.call(
        "CreateDocument",
        Name=name,
        Content=content,
        DocumentType="Command",
        DocumentFormat="YAML",
        TargetType="/AWS::EC2::Instance",
    )
    return str(answer["DocumentDescription"]["DocumentVersion"])


def _update(calls: Calls, name: str, content: str) -> str:
    answer = calls.call(
        "UpdateDocument",
        Name=name,
        Content=content,
        DocumentVersion="$LATEST",
        DocumentFormat="YAML",
        TargetType="/AWS::EC2::Instance",
    )
    return str(answer["DocumentDescription"]["DocumentVersion"])


def _version_with(calls: Calls, name: str, content: str) -> str:
    """AWS says that a version holds this content, not which one: look from the newest down."""
    latest = _read(calls, name, DocumentVersion="$LATEST")
    for number in range(int(latest["DocumentVersion"]), 0, -1):
        try:
            held = _read(calls, name, DocumentVersion=str(number))
        except Missing:  # someone deleted this version
            continue
        if _same(held, content):
            return str(number)
    raise Refused(
        f"AWS says that document {name} already has this content, but none of its versions shows it.",
        code="DuplicateDocumentContent",
        operation="UpdateDocument",
    )


def _read(calls: Calls, name: str, **version: str) -> dict[str, Any]:
    return calls.call("GetDocument", Name=name, DocumentFormat="YAML", **version)


def _same(document: dict[str, Any], content: str) -> bool:
    # By meaning: AWS may give the text back in another layout than it was written in.
    return bool(yaml.safe_load(document["Content"]) == yaml.safe_load(content))


def _await_ready(calls: Calls, name: str, version: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        answer = calls.call("DescribeDocument", Name=name, DocumentVersion=version)
        about = answer["Document"]
        if about["Status"] == DocumentState.FAILED:
            why = about.get("StatusInformation", "no reason given")
            raise Refused(f"AWS could not make document {name}: {why}", operation="CreateDocument")
        if about["Status"] not in NOT_READY:
            return
        if time.monotonic() > deadline:
            raise Ambiguous(f"Document {name} is still being made by AWS.", operation="DescribeDocument")
        time.sleep(LOOK_EVERY_S)
