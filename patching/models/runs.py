"""One occurrence of a window, its targets, and the commands that were sent for them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from patching.models.windows import Window
from patching.policy.run_policy import RunPolicy
from patching.policy.waves import WaveRule
from patching.standing import FAILED_VERDICTS
from patching.states import DispatchState, Phase, RunState, TargetState, WaveState
from portal.access.queries import scope, scope_of_rows
from portal.inventory.models import Asset

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.access.models import User


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Runs with at least one target that the user may see; whoever covers everything sees empty runs too."""
        if not scope(user):
            return self
        return self.filter(pk__in=RunScope.objects.filter(scope_of_rows(user)).values("run"))


class Run(models.Model):
    """One occurrence of a window across all accounts and regions; ad-hoc runs have no window."""

    window = models.ForeignKey(Window, on_delete=models.PROTECT, null=True, related_name="runs")
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    cutoff_at = models.DateTimeField()  # nothing is sent after it
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=50, choices=RunState.choices, default=RunState.PLANNED)
    reason = models.TextField(blank=True)  # why missed, halted or cancelled
    retry_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="retries")
    check_only = models.BooleanField(default=False)  # pre-checks, then stop: nothing is patched
    policy = models.JSONField(default=dict)  # RunPolicy as it was when planned
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)  # a worker reconciles the run until then
    lease_token = models.UUIDField(null=True)
    next_look_at = models.DateTimeField()  # when the run is due: no tick touches it before
    swept_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)  # when all that it needs of AWS was last tried
    tried_places = models.PositiveIntegerField(default=0, db_default=0)  # of a trial that is under way

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["window", "starts_at"], name="one_run_per_occurrence"),
            models.CheckConstraint(
                condition=Q(cutoff_at__gt=models.F("starts_at"), ends_at__gte=models.F("cutoff_at")),
                name="run_times_in_order",
            ),
        ]
        indexes = [models.Index(fields=["state", "next_look_at"], name="run_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def run_policy(self) -> RunPolicy:
        return RunPolicy.from_json(self.policy)


class RunScope(models.Model):
    """A value of a dimension that one of the run's assets has, so that who sees which runs costs what they see.

    Triggers keep it (docs/adr/0095).
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="scopes")
    dimension = models.CharField(max_length=16)
    value = models.CharField(max_length=256)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dimension", "value", "run"], name="run_scope_once")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value} in {self.run_id}"


class Wave(models.Model):
    """A part of a run's targets: checked, patched and watched before the next part begins."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveSmallIntegerField()  # from 1; Target.wave says who belongs to it
    name = models.CharField(max_length=40)
    rule = models.JSONField(default=dict)  # WaveRule as it was when planned; empty: all the rest
    state = models.CharField(max_length=12, choices=WaveState.choices, default=WaveState.WAITING)
    begun_at = models.DateTimeField(null=True)
    # when its hosts were last tagged, all that were ready at once
    marked_at = models.DateTimeField(null=True)
    bakes_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="wave_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.run}"

    @property
    def wave_rule(self) -> WaveRule | None:
        return WaveRule.from_json(self.rule) if self.rule else None


class TargetQuerySet(models.QuerySet["Target"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.filter(scope(user, prefix="asset__"))


class Target(models.Model):
    """One asset in one run. Account, region and instance id are frozen: what was planned is what is sent."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="targets")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="targets")
    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    instance_id = models.CharField(max_length=32)
    platform = models.CharField(max_length=16)
    cluster = models.CharField(max_length=256, blank=True)
    wave = models.PositiveSmallIntegerField(default=1)
    attempt = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=16, choices=TargetState.choices, default=TargetState.PLANNED)
    reason_code = models.CharField(max_length=48, blank=True)
    reason = models.TextField(blank=True)  # the sentence that a person reads
    since = models.DateTimeField()  # when the state was entered
    verdict = models.CharField(max_length=24, blank=True)
    agreement = models.CharField(max_length=32, blank=True)
    kernel_before = models.CharField(max_length=300, blank=True)
    kernel_after = models.CharField(max_length=300, blank=True)
    kernel_newest = models.CharField(max_length=300, blank=True)
    os_label = models.CharField(max_length=200, blank=True)
    updated_count = models.PositiveIntegerField(null=True)
    available_count = models.PositiveIntegerField(null=True)
    withheld_count = models.PositiveIntegerField(null=True)  # of the host's own; None: not known
    release = models.CharField(
        max_length=300, blank=True
    )  # of the system, where its repositories are pinned to it
    newest_release = models.CharField(max_length=300, blank=True)  # empty: not known
    behind = models.BooleanField(default=False)  # in an older release than the window wants
    rebooted = models.BooleanField(null=True)
    reboot_needed = models.BooleanField(null=True)
    # tag removed, host re-stopped or kept: nothing of the run is left
    cleaned_at = models.DateTimeField(null=True)

    objects = TargetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "asset"], name="asset_once_per_run")]
        indexes = [
            # By state, and within it in the order in which the engine fills its batches.
            models.Index(
                fields=["run", "state", "account_id", "region", "platform", "id"], name="target_run_queue"
            ),
            models.Index(fields=["run", "wave"], name="target_bad", condition=Q(verdict__in=FAILED_VERDICTS)),
            # With the run, so that who sees which runs is answered by the index alone.
            models.Index(fields=["asset", "-id"], include=["run"], name="target_asset_run"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} in {self.run}"


class Dispatch(models.Model):
    """One SendCommand of at most 50 targets. Committed as `sending` before AWS is called."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="dispatches")
    wave = models.PositiveSmallIntegerField(default=1)
    phase = models.CharField(max_length=12, choices=Phase.choices)
    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=32)
    document_name = models.CharField(max_length=128)
    document_version = models.CharField(max_length=16, blank=True)
    document_hash = models.CharField(max_length=64)
    # name=version, …: exactly this is installed; empty: by the policy
    package_set = models.TextField(blank=True)
    # where its hosts store what they print: below their account's own folder, at a place that nobody can guess
    output_prefix = models.CharField(max_length=200, blank=True, default="", db_default="")
    # what earlier waves told that is not in the set, and why, as a sentence
    left_out = models.TextField(blank=True)
    batch = models.PositiveIntegerField()
    attempt = models.PositiveSmallIntegerField(default=1)
    instance_ids = models.JSONField()
    state = models.CharField(max_length=12, choices=DispatchState.choices, default=DispatchState.SENDING)
    claimed_at = models.DateTimeField()
    send_before = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)  # counted before each call
    unknown_since = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    command_ids = models.JSONField(default=list)
    completed_seen = models.IntegerField(default=-1)  # AWS's completed count at the last look
    read_at = models.DateTimeField(null=True)  # when its invocations were last listed
    closed_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "wave", "phase", "account_id", "region", "document_name", "batch", "attempt"],
                name="dispatch_once",
            )
        ]
        indexes = [models.Index(fields=["run", "state"], name="dispatch_run_state")]

    def __str__(self) -> str:
        return f"{self.phase} {self.id}"

    @property
    def comment(self) -> str:
        return f"pp:{self.id}"


class DispatchTarget(models.Model):
    """One target in one dispatch: the row that makes a second patch command for the same attempt impossible."""

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="rows")
    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="dispatched")
    phase = models.CharField(max_length=12, choices=Phase.choices)
    attempt = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=24, blank=True)  # AWS's words, as last seen
    status_details = models.CharField(max_length=48, blank=True)
    collected_at = models.DateTimeField(null=True)
    no_report_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["target", "phase", "attempt"], name="one_dispatch_per_target_attempt"
            )
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.phase} {self.attempt}"


class SendingPause(models.Model):
    """The portal-wide brake: one row, locked by every send."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    paused = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_pause_row")]

    def __str__(self) -> str:
        return "paused" if self.paused else "sending"
