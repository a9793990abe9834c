"""What a person leaves open when they go, as each app tells it, and how it is handed over to somebody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from portal.access.models import User
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import record
from portal.notify.operations import notify
from portal.sign_in.operations import person_entry

NOTHING = "{person} has nothing open that {to} could take over."
NOBODY = "Choose an asset owner who may sign in, and not the person who leaves."


@dataclass(frozen=True)
class LeftOpen:
    """One thing: `sentence` says what, and what becomes of it. `moves`: it can be handed over."""

    sentence: str
    url: str = ""
    moves: bool = False


@dataclass(frozen=True)
class HandedOver:
    """What one app moved: `moved` things, and a sentence for each that had to stay."""

    moved: int
    stayed: list[str]


def left_open(person: User) -> list[LeftOpen]:
    return [one for path in settings.PORTAL_LEFT_OPEN for one in import_string(path)(person)]


@transaction.atomic
def hand_over(*, person: User, to: User | None, by: User, now: datetime) -> HandedOver:
    """Everything that can be moved, to somebody who may answer for it. Raises Conflict where nothing can."""
    check_role(by, Role.ADMIN)
    owners = User.objects.filter(is_active=True, grants__role=Role.OWNER).exclude(pk=person.pk)
    if to is None or not owners.filter(pk=to.pk).exists():
        raise Invalid(NOBODY, field="to")
    movers: list[Callable[..., HandedOver]] = [import_string(path) for path in settings.PORTAL_HAND_OVER]
    done = [move(person=person, to=to, by=by, now=now) for move in movers]
    found = HandedOver(sum(one.moved for one in done), [line for one in done for line in one.stayed])
    if not found.moved:
        nothing = NOTHING.format(person=person.display_name, to=to.display_name)
        raise Conflict(" ".join([nothing, *found.stayed]))
    said = f"{by.display_name} handed what {person.display_name} had open over to {to.display_name}"
    record(person_entry("handed_over", person, f"{said}: {found.moved}", {"to": to.pk}), by=by)
    notify("person.handed_over", to, said=f"{said}. You answer for it now.")
    return found
