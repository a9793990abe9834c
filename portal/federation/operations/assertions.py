"""Each SAML assertion counts once."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from portal.federation.models import SeenAssertion

# The library lets the clocks of both sides differ by so much.
CLOCKS_DIFFER = timedelta(minutes=5)
FORGOTTEN_AT_ONCE = 500


def take(*, issuer: str, assertion_id: str, ends_at: datetime, now: datetime) -> bool:
    """Whether it is taken for the first time. Forgets some of those that have ended."""
    ended = SeenAssertion.objects.filter(ends_at__lt=now - CLOCKS_DIFFER).values("pk")[:FORGOTTEN_AT_ONCE]
    SeenAssertion.objects.filter(pk__in=list(ended.values_list("pk", flat=True))).delete()
    fingerprint = hashlib.sha256(f"{issuer}\n{assertion_id}".encode()).hexdigest()
    try:
        with transaction.atomic():
            SeenAssertion.objects.create(fingerprint=fingerprint, ends_at=ends_at + CLOCKS_DIFFER)
    except IntegrityError:
        return False
    return True
