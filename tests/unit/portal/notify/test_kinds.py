"""Every notification that the code sends is of a kind that an app declares, and every declared kind is sent."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from exceptions.states import EXCEPTION
from patching import states
from portal.machine.table import Machine
from portal.notify import kinds as registry
from portal.notify.kinds import KindError, kind_of, kinds, tone_of
from portal.tags.states import TAG
from portal.tones import Tone
from script.states import machines

ROOT = Path(__file__).resolve().parents[4]
APPS = ("portal", "exceptions", "patching", "reports")
MOVER = "portal/machine/mover.py"  # names what the tables say; `moved` looks at those
MACHINES = {**vars(states), "EXCEPTION": EXCEPTION, "TAG": TAG}


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                    yield path.relative_to(ROOT).as_posix(), node


def written_out(where: str, kind: ast.expr) -> set[str]:
    """The kinds that an expression can be: they stand there as texts, so that this walk finds them."""
    if isinstance(kind, ast.IfExp):
        return written_out(where, kind.body) | written_out(where, kind.orelse)
    assert isinstance(kind, ast.Constant), f"{where}:{kind.lineno} sends a kind that this walk cannot read"
    return {str(kind.value)}


def moved(machine: Machine[Any], notice: str) -> set[str]:
    telling = [state for state in machine.enum if machine.notifies(state)]
    return {notice or machine.kind(state) for state in telling}


def in_use() -> set[str]:
    found: set[str] = set()
    for where, call in calls("notify"):
        if where != MOVER:
            found |= written_out(where, call.args[0])
    for _, call in calls("Mover"):
        machine, named = call.args[1], {word.arg: word.value for word in call.keywords}
        notice = named.get("notice", ast.Constant(""))
        assert isinstance(machine, ast.Name)
        assert isinstance(notice, ast.Constant)
        found |= moved(MACHINES[machine.id], str(notice.value))
    return found


def test_the_kinds_in_use_are_those_that_are_declared() -> None:
    assert in_use() == set(kinds())


def test_the_walk_sees_every_mover() -> None:
    seen = {call.args[1].id for _, call in calls("Mover") if isinstance(call.args[1], ast.Name)}
    assert {MACHINES[name] for name in seen} == set(machines().values())


def test_a_kind_of_a_move_takes_people_and_tone_from_its_table() -> None:
    for state, facts in EXCEPTION.states.items():
        if facts.notifies:
            kind = kind_of(EXCEPTION.kind(state))
            assert (kind.notifies, kind.tone) == (facts.notifies, facts.tone)


def test_every_kind_names_somebody() -> None:
    assert [kind.name for kind in kinds().values() if not kind.notifies] == []


def test_only_what_concerns_the_person_leaves_the_portal() -> None:
    assert {name for name, kind in kinds().items() if kind.personal} == {
        name for name in kinds() if name.startswith("person.")
    }


def test_a_kind_that_nobody_declares_is_refused() -> None:
    with pytest.raises(KindError, match=r"No app declares the notification 'run\.finished'"):
        kind_of("run.finished")


def test_a_stored_one_of_an_older_portal_is_still_shown() -> None:
    assert tone_of("run.finished") == Tone.UNKNOWN


def test_a_kind_is_declared_once(settings: Settings) -> None:
    settings.NOTIFICATION_KINDS = ["exceptions.notices.KINDS"] * 2
    with pytest.raises(KindError, match=r"Declared twice: exception\.submitted"):
        registry.kinds.__wrapped__()
