"""What hosts reported, and the current picture per asset that lists sort by."""

from __future__ import annotations

from functools import cached_property

from django.db import models

from patching.documents.host_report import Report
from patching.models.runs import DispatchTarget, Run, Target
from patching.restarts import waits
from portal.audit.append_only import append_only
from portal.inventory.models import Asset


class HostReport(models.Model):
    """One report as the host printed it; the raw text is in the evidence bucket under `evidence_key`.

    Never changed or deleted. A row has a second one where a look afterwards told more than its own did.
    """

    row = models.ForeignKey(DispatchTarget, on_delete=models.PROTECT, related_name="reports")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="reports")
    phase = models.CharField(max_length=12)
    status = models.CharField(max_length=32)
    content = models.JSONField()
    source = models.CharField(max_length=16)  # s3 | invocation | line | rescan: where it was read from
    evidence_key = models.CharField(max_length=500, blank=True)
    # of the object as it was written; empty on reports that were kept before 2026-11-29
    evidence_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    # what is to be said of how it was read and kept, in sentences
    remark = models.TextField(blank=True, default="", db_default="")
    stored_at = models.DateTimeField()  # by the database's clock

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["row"], condition=~models.Q(source="rescan"), name="own_report_once"
            ),
        ]
        triggers = append_only("stored_at", owner_may_tell_the_time=True)

    @cached_property
    def report(self) -> Report:
        """What is stored, typed; it was accepted by the schema before it was stored."""
        return Report.of(self.content)

    def __str__(self) -> str:
        return f"{self.phase} report of {self.target}"


class PackageChange(models.Model):
    """One package that a run changed on one asset."""

    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="package_changes")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="package_changes")
    name = models.CharField(max_length=300)
    arch = models.CharField(max_length=300, blank=True)
    old = models.CharField(max_length=300, blank=True)
    new = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=12)  # upgrade | install | remove | kb
    security = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["asset", "-id"], name="packagechange_asset")]

    def __str__(self) -> str:
        return f"{self.name} {self.old} → {self.new}"


class AssetPatchState(models.Model):
    """The current row per asset: last verdict, kernel, what is still open."""

    asset = models.OneToOneField(
        Asset, on_delete=models.CASCADE, primary_key=True, related_name="patch_state"
    )
    last_run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="+")
    last_target = models.ForeignKey(Target, on_delete=models.SET_NULL, null=True, related_name="+")
    last_state = models.CharField(max_length=16, blank=True)  # TargetState of the last finished target
    last_verdict = models.CharField(max_length=24, blank=True)
    last_reason = models.TextField(blank=True)
    last_run_at = models.DateTimeField(null=True)
    last_patched_at = models.DateTimeField(null=True)
    kernel_running = models.CharField(max_length=300, blank=True)
    kernel_newest = models.CharField(max_length=300, blank=True)
    kernel_boot_default = models.CharField(
        max_length=300, blank=True, default="", db_default=""
    )  # empty: not known
    kernel_previous = models.CharField(max_length=300, blank=True)
    available_count = models.PositiveIntegerField(null=True)  # None: never told
    security_count = models.PositiveIntegerField(null=True)
    # Since when some were open, at each look from then on; None: none is, or nobody knows.
    updates_open_since = models.DateTimeField(null=True)
    security_open_since = models.DateTimeField(null=True)
    withheld_count = models.PositiveIntegerField(null=True)  # these four as those of the last target
    release = models.CharField(max_length=300, blank=True)
    newest_release = models.CharField(max_length=300, blank=True)
    last_behind = models.BooleanField(default=False)
    reboot_pending_since = models.DateTimeField(null=True)
    # its root volume went back; the next run's result clears it
    restored_at = models.DateTimeField(null=True)
    restored_to = models.DateTimeField(null=True)  # the instant whose root volume it has again

    def __str__(self) -> str:
        return f"{self.asset}: {self.last_verdict or 'never patched'}"

    @property
    def kernel_older_than_booted(self) -> bool:
        """Whether the newest kernel waits for a restart: not where the host boots another one by its own choice."""
        return waits(self.kernel_running, self.kernel_newest, self.kernel_boot_default)
