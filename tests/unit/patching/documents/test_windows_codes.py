"""The table of Windows' error numbers: formed as the report's schema has them, each with a name and a sentence."""

from __future__ import annotations

import json
import re

import pytest

from patching.documents.host_facts import Failure
from patching.documents.output import SCHEMA_PATH
from patching.documents.windows_codes import CODES, name_of, sentence_of

FAILURE = json.loads(SCHEMA_PATH.read_text())["$defs"]["failure"]


@pytest.mark.parametrize("code", CODES)
def test_each_number_has_a_name_and_a_sentence(code: str) -> None:
    assert re.fullmatch(FAILURE["properties"]["code"]["pattern"], code)
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", name_of(code))
    assert sentence_of(code).endswith(".")


def test_an_unknown_number_stays_as_it_is() -> None:
    assert (name_of("0x8FFFFFFF"), sentence_of("0x8FFFFFFF")) == ("", "")


def test_failures_are_read_and_written_alike() -> None:
    told = {"name": "KB5000100", "to": "One", "step": "install", "code": "0x800F0922"}
    [read] = Failure.all_of({"failures": [told]})
    assert read.to_json() == told
    assert Failure.all_of({}) == ()
