"""A simulation that finds nothing proves nothing: each deliberate bug here must be found by some seed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from unittest import mock

import pytest
from django.core.management import call_command

from patching.engine import marks, send
from patching.operations import admission, dispatches
from tests.simulation.world import World

SEEDS = 40
Patch = tuple[object, str, object]


def resends_at_once() -> list[Patch]:
    """Adoption is broken: it neither looks for what AWS accepted nor waits."""
    return [(send, "find", lambda dispatch, cloud: []), (send, "settled", lambda dispatch, now: True)]


def asks_nothing_before_the_send() -> list[Patch]:
    return [(dispatches, "closed", lambda run, pause, phase, now: "")]


def forgets_exceptions() -> list[Patch]:
    return [(dispatches, "exclusions", lambda *a: {}), (admission, "exclusions", lambda *a: {})]


def cleans_nothing() -> list[Patch]:
    return [(marks, "unmark", lambda run, now: None)]


MUTANTS = (resends_at_once, asks_nothing_before_the_send, forgets_exceptions, cleans_nothing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_deliberate_bug_is_found(mutant: Callable[[], list[Patch]]) -> None:
    with ExitStack() as stack:
        for owner, name, instead in mutant():
            stack.enter_context(mock.patch.object(owner, name, instead))
        assert any(found(seed) for seed in range(SEEDS)), "no seed noticed it"


def found(seed: int) -> list[str]:
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    return World(seed, frozenset({"stalled_worker", "commands_not_shown_yet"})).play()
