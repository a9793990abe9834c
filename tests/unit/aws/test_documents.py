from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name

from aws import documents
from aws.errors import Ambiguous, Missing, Refused

NAME = "PatchPortal-Patch-Linux"
OLD = "schemaVersion: '2.2'\ndescription: old\n"
NEW = "schemaVersion: '2.2'\ndescription: new\n"
NEW_IN_OTHER_LAYOUT = '{"schemaVersion": "2.2", "description": "new"}'


class Store:
    """One document as AWS keeps it; `meanwhile` happens right before the named operation."""

    def __init__(self, *versions: str) -> None:
        self.versions = dict(enumerate(versions, start=1))
        self.default = 1
        self.status = "Active"
        self.sent: list[str] = []
        self.meanwhile: dict[str, Any] = {}

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        if happens := self.meanwhile.pop(operation, None):
            happens()
        self.sent.append(operation)
        answer: dict[str, Any] = getattr(self, xform_name(operation))(params)
        return answer

    def get_document(self, params: dict[str, str]) -> dict[str, Any]:
        asked = params.get("DocumentVersion", str(self.default))
        number = max(self.versions, default=0) if asked == "$LATEST" else int(asked)
        if number not in self.versions:
            raise Missing("no such document", code="InvalidDocument")
        content = self.versions[number]
        return {"Content": content, "DocumentVersion": str(number), "Status": self.status}

    def create_document(self, params: dict[str, str]) -> dict[str, Any]:
        if self.versions:
            raise Refused("it exists", code="DocumentAlreadyExists")
        return self._add(params["Content"])

    def update_document(self, params: dict[str, str]) -> dict[str, Any]:
        if params["Content"] in self.versions.values():
            raise Refused("same content", code="DuplicateDocumentContent")
        return self._add(params["Content"])

    def describe_document(self, params: dict[str, str]) -> dict[str, Any]:
        return {"Document": {"Status": self.status, "StatusInformation": "bad step"}}

    def update_document_default_version(self, params: dict[str, str]) -> dict[str, Any]:
        self.default = int(params["DocumentVersion"])
        return {}

    def _add(self, content: str) -> dict[str, Any]:
        number = max(self.versions, default=0) + 1
        self.versions[number] = content
        return {"DocumentDescription": {"DocumentVersion": str(number)}}


def publish(store: Store, content: str = NEW) -> str:
    return documents.publish(store, NAME, content)  # type: ignore[arg-type]


def test_first_time_creates() -> None:
    store = Store()
    assert publish(store) == "1"
    assert store.versions == {1: NEW}


def test_same_content_again_writes_nothing() -> None:
    store = Store(NEW_IN_OTHER_LAYOUT)
    assert publish(store) == "1"
    assert store.sent == ["GetDocument"]


def test_other_content_becomes_a_new_default_version() -> None:
    store = Store(OLD)
    assert publish(store) == "2"
    assert (store.default, store.versions[2]) == (2, NEW)


def test_content_of_an_older_version_becomes_default_again() -> None:
    store = Store(NEW, OLD, "a: 1\n")
    store.default = 3
    del store.versions[2]  # someone removed a version in between
    assert publish(store) == "1"
    assert store.default == 1


def test_another_publisher_creates_the_same_first() -> None:
    store = Store()
    store.meanwhile["CreateDocument"] = lambda: store._add(NEW)
    assert publish(store) == "1"
    assert store.versions == {1: NEW}


def test_another_publisher_updates_to_the_same_first() -> None:
    store = Store(OLD)
    store.meanwhile["UpdateDocument"] = lambda: store._add(NEW)
    assert publish(store) == "2"
    assert store.versions == {1: OLD, 2: NEW}


def test_another_publisher_with_other_content_takes_no_version_away() -> None:
    store = Store(OLD)
    store.meanwhile["UpdateDocumentDefaultVersion"] = lambda: store._add("b: 2\n")
    assert publish(store) == "2"
    assert store.versions[2] == NEW


def test_document_that_aws_cannot_make_is_refused_with_its_reason() -> None:
    store = Store()
    store.status = "Failed"
    with pytest.raises(Refused, match="bad step"):
        publish(store)


def test_document_not_ready_in_time_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "READY_WITHIN_S", 0)
    monkeypatch.setattr(documents, "LOOK_EVERY_S", 0)
    store = Store()
    store.status = "Creating"
    with pytest.raises(Ambiguous):
        publish(store)


def test_any_other_refusal_is_told() -> None:
    store = Store(OLD)
    store.meanwhile["UpdateDocument"] = _refuse
    with pytest.raises(Refused, match="too many versions"):
        publish(store)


def _refuse() -> None:
    raise Refused("too many versions", code="DocumentVersionLimitExceeded")
