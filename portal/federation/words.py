"""What a rule is called."""

from __future__ import annotations

from django.conf import settings

from portal.federation.models import RoleRule
from portal.federation.role_rules import Right


def rule_words(rule: RoleRule) -> str:
    """E.g. `groups payments-owners → asset owner of application payments`."""
    gives = (
        Right(rule.role, rule.dimension, rule.scope).words
        if rule.role
        else "no role, and no later rule counts"
    )
    at = f" at {provider_name(rule.provider)}" if rule.provider else ""
    return f"{rule.claim} {rule.value}{at} → {gives}"


def provider_name(provider_id: str) -> str:
    """What the provider is called; its id where the file names it no more."""
    names = {provider.id: provider.name for provider in settings.IDENTITY_PROVIDERS}
    return str(names.get(provider_id, provider_id))
