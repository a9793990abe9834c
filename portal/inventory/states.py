"""Words about accounts and assets: power state, Systems Manager state, and why a host cannot be patched."""

from __future__ import annotations

from django.db.models import TextChoices


class Coverage(TextChoices):
    """Why a host cannot be patched or nobody answers for it, the most hindering first; empty when all is well."""

    NO_INSTANCE_PROFILE = "no_instance_profile", "No instance profile"
    NO_AGENT = "no_agent", "No working SSM agent"
    OFFLINE = "offline", "SSM agent offline"
    UNKNOWN_PLATFORM = "unknown_platform", "Unknown platform"
    RESULTS_DENIED = "results_denied", "May not write results"
    ODD_FACTS = "odd_facts", "Tells odd facts"
    NO_OWNER = "no_owner", "No owner"


BLOCKING = frozenset(
    {Coverage.NO_INSTANCE_PROFILE, Coverage.NO_AGENT, Coverage.OFFLINE, Coverage.UNKNOWN_PLATFORM}
)
