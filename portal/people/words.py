"""What a grant is called."""

from __future__ import annotations

from portal.access.models import Grant
from portal.access.words import right_words
from portal.people.models import WaitingGrant


def grant_words(grant: Grant | WaitingGrant) -> str:
    return right_words(grant.role, grant.dimension, grant.value)
