"""The four roles and the dimensions by which a role is limited."""

from __future__ import annotations

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner", "Asset owner"
    APPROVER = "approver", "Business leader"
    ADMIN = "admin", "Patch admin"
    AUDITOR = "auditor", "Auditor"


class Dimension(TextChoices):
    EVERYTHING = "everything", "Everything"
    APPLICATION = "application", "Application"
    OWNER = "owner", "Owner team"
    BUSINESS_UNIT = "business_unit", "Business unit"
