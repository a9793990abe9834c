"""What lists of servers sort, filter and count by: one row an asset, written by the database itself (docs/adr/0094)."""

from __future__ import annotations

from django.db import models

from patching.models.windows import Window
from portal.inventory.models import Asset


class AssetStanding(models.Model):
    """Copies of the asset's own columns, its active window, and how urgent it is.

    Triggers write it in the statement that changes an asset, an enrolment or a patch state; nobody else does.
    """

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="standing")
    present = models.BooleanField()
    name = models.CharField(max_length=256)
    application = models.CharField(max_length=256)
    owner = models.CharField(max_length=256)
    business_unit = models.CharField(max_length=256)
    severity = models.SmallIntegerField()  # patching/severity.py
    window = models.ForeignKey(
        Window, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    last_run = models.BigIntegerField(null=True)  # as its patch state has them
    last_patched_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["severity", "name", "asset"], name="standing_worst"),
            models.Index(fields=["application", "severity", "name", "asset"], name="standing_application"),
            models.Index(fields=["owner", "severity", "name", "asset"], name="standing_owner"),
            models.Index(
                fields=["business_unit", "severity", "name", "asset"], name="standing_business_unit"
            ),
            models.Index(fields=["window", "asset"], name="standing_window"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_id}: {self.severity}"
