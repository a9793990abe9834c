"""Old and new values as an event keeps them and as a person reads them."""

from __future__ import annotations

from datetime import time

import pytest

from portal.audit.changes import old_and_new, sentences, words


def test_only_what_differs_is_kept_and_in_plain_values() -> None:
    before = {"name": "Night", "start_time": time(22), "nth": None, "waves": ()}
    after = {"name": "Night", "start_time": time(23), "nth": 2, "waves": ({"name": "Canary", "count": 1},)}
    detail = old_and_new(before, after)
    assert detail == {
        "changed": {
            "start_time": ["22:00:00", "23:00:00"], "nth": [None, 2], "waves": [[], [{"name": "Canary", "count": 1}]],
        }
    }  # fmt: skip
    assert list(sentences(detail)) == [
        "Start time: 22:00:00 → 23:00:00", "Nth: nothing → 2", "Waves: nothing → name Canary count 1",
    ]  # fmt: skip


def test_a_secret_is_said_to_have_changed_and_nothing_else() -> None:
    detail = old_and_new({"external_id": "old-one"}, {"external_id": "new-one"}, secret={"external_id"})
    assert detail == {"changed": {"external_id": "changed"}}
    assert list(sentences(detail)) == ["External id changed"]


def test_an_event_of_something_else_has_none() -> None:
    assert list(sentences({"from": "planned"})) == []


@pytest.mark.parametrize(
    ("value", "said"), [("", "nothing"), ([], "nothing"), (False, "no"), (0, "0"), (["a", "b"], "a, b")]
)
def test_values_in_words(value: object, said: str) -> None:
    assert words(value) == said


def test_a_change_in_words_of_its_own_is_kept_in_the_event() -> None:
    detail = old_and_new(
        {"mode": "all", "nth": None},
        {"mode": "security", "nth": 2},
        said={"mode": lambda old, new: f"Installs {new}, not {old}"},
    )
    assert detail["said"] == {"mode": "Installs security, not all"}
    assert list(sentences(detail)) == ["Installs security, not all", "Nth: nothing → 2"]


def test_an_older_event_keeps_its_words() -> None:
    assert list(sentences({"changed": {"mode": ["all", "security"]}})) == ["Mode: all → security"]


def test_a_list_read_from_json_is_the_tuple_it_was() -> None:
    assert old_and_new({"alarms": ()}, {"alarms": []}) == {"changed": {}}
