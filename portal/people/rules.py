"""What a grant may say, and that an admin is always left."""

from __future__ import annotations

from django.conf import settings

from portal.access.models import Grant, User
from portal.access.queries import people_with
from portal.access.rules import Denied, Invalid
from portal.access.states import Dimension, Role

# These two read and rule across every list, so a part of the fleet would be a promise that is not kept.
WHOLE_FLEET = (Role.ADMIN, Role.AUDITOR)


def check_scope(role: str, dimension: str, value: str) -> None:
    if role not in Role or dimension not in Dimension:
        raise Invalid(f"There is no role {role!r} over {dimension!r}. Choose from the lists.", field="role")
    if dimension == Dimension.EVERYTHING and value:
        raise Invalid(f"Everything has no name, but {value!r} was given. Leave it empty.", field="value")
    if dimension != Dimension.EVERYTHING and not value:
        label = Dimension(dimension).label.lower()
        raise Invalid(f"Say which {label}, as its tag on the servers says it.", field="value")
    if role in WHOLE_FLEET and dimension != Dimension.EVERYTHING:
        label = Role(role).label.lower()
        raise Invalid(f"A {label} covers the whole fleet: choose Everything.", field="dimension")


def check_another_admin(person: User) -> None:
    """The lock makes two admins who remove each other wait for one another; only the read after it counts."""
    list(Grant.objects.select_for_update().filter(role=Role.ADMIN).order_by("pk"))
    if [admin.pk for admin in people_with(Role.ADMIN)] == [person.pk]:
        raise Denied(
            f"{person.display_name} is the last patch admin. Make somebody else one first, "
            "or nobody could rule the portal."
        )


def needs_second_admin(role: str) -> bool:
    """Who may approve may leave servers unpatched: no admin gives that alone, where the policy says so."""
    return bool(settings.FOUR_EYES) and role == Role.APPROVER


def second_admins(by: User, person: User | None = None) -> list[User]:
    """Who could agree to what `by` wants for the person: neither of the two."""
    return [admin for admin in people_with(Role.ADMIN) if admin not in (by, person)]


def check_second_admin(by: User, *, asked_by: User, person: User | None = None) -> None:
    if by == asked_by:
        raise Denied("You asked for this yourself. Another patch admin has to agree.")
    if by == person:
        raise Denied("This right is meant for you. Another patch admin has to agree.")
