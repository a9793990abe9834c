"""What a grant is called."""

from __future__ import annotations

from portal.access.models import Grant
from portal.access.states import Dimension, Role
from portal.people.models import WaitingGrant


def grant_words(grant: Grant | WaitingGrant) -> str:
    """E.g. `asset owner of application payments`."""
    role, over = Role(grant.role).label.lower(), Dimension(grant.dimension).label.lower()
    return f"{role} of {over} {grant.value}".rstrip()
