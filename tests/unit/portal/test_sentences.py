"""Numbers agree with their nouns and verbs, and a sentence keeps its names inside another."""

from __future__ import annotations

import pytest

from portal.sentences import counted, inside_a_sentence


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (0, "server", "0 servers"),
        (1, "server", "1 server"),
        (2000, "server", "2,000 servers"),
        (1, "server is,servers are", "1 server is"),
        (3, "server is,servers are", "3 servers are"),
        (1, "needs you,need you", "1 needs you"),
    ],
)
def test_a_number_agrees_with_its_noun(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said


@pytest.mark.parametrize(
    ("words", "inside"),
    [
        ("No working SSM agent", "no working SSM agent"),
        ("SSM agent offline", "SSM agent offline"),
        ("AWS refuses it", "AWS refuses it"),
        ("In no window", "in no window"),
        ("", ""),
    ],
)
def test_only_the_first_letter_is_made_small_and_names_stay(words: str, inside: str) -> None:
    assert inside_a_sentence(words) == inside
