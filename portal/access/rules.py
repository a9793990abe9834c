"""Refusals that a person can read. One sentence serves the page, the tooltip and the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from portal.access.states import Role

if TYPE_CHECKING:
    from portal.access.models import User


class Denied(Exception):
    """The person or the moment does not allow this. `str()` is the sentence that the person reads."""


class Conflict(Denied):
    """Somebody or something else changed the row first; reload and look again."""


class Invalid(Denied):
    """Bad input: `field` names it, the sentence names the value and the way out."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


def check_role(user: User, *roles: Role) -> None:
    """Raises Denied unless the user holds one of the roles, over whatever scope."""
    if not user.is_authenticated or not user.grants_now(*roles).exists():
        wanted = " or ".join(Role(role).label.lower() for role in roles)
        raise Denied(f"This needs the role {wanted}. Ask a patch admin to give it to you.")


def allows(check: Callable[..., None], *facts: Any) -> str:
    """The refusal's sentence, or '' when the check passes: for buttons and their reasons."""
    try:
        check(*facts)
    except Denied as refusal:
        return str(refusal)
    return ""
