"""AWS accounts and the EC2 instances that we know in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, NullIf, Upper

from aws.states import ASLEEP, HIBERNATED
from portal.access.queries import scope

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.access.models import User


class Account(models.Model):
    """An AWS account, the role that the portal assumes in it, and the regions it looks at."""

    account_id = models.CharField(max_length=12, unique=True)
    name = models.CharField(max_length=100)
    role_name = models.CharField(max_length=64)
    external_id = models.CharField(max_length=1224, blank=True)
    regions = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    synced_at = models.DateTimeField(null=True)
    sync_error = models.TextField(blank=True)  # the last failure, as a sentence; empty after a good sync
    unstored = models.TextField(blank=True)  # servers that could not be stored at the last one, as a sentence

    class Meta:
        ordering = ["account_id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.account_id})"


class ExternalIdSeed(models.Model):
    """The random value of this installation that begins every external id (portal/inventory/external_ids.py): one row.

    It is kept for good: roles in all accounts ask for what was made of it.
    """

    value = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return "The beginning of every external id"


class AssetQuerySet(models.QuerySet["Asset"]):
    def labelled(self) -> Self:
        """Each with `shown_as`: what `label` says, in the database."""
        named = NullIf("name", models.Value(""))
        return self.annotate(shown_as=Coalesce(named, "instance_id", output_field=models.TextField()))

    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.filter(scope(user))

    def of(self, assets: Iterable[Asset]) -> Self:
        """These rows, to be asked of the database."""
        if isinstance(assets, models.QuerySet):
            return self.filter(pk__in=assets.order_by().values("pk"))
        return self.with_keys([asset.pk for asset in assets])

    def with_keys(self, keys: Sequence[int]) -> Self:
        """In one parameter: each of ten thousand would be read by the database's parser."""
        return self.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [list(keys)]))

    def present(self) -> Self:
        return self.filter(gone_at=None)


class Asset(models.Model):
    """One EC2 instance. Vanished ones are kept, with `gone_at` set."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="assets")
    region = models.CharField(max_length=32)
    instance_id = models.CharField(max_length=32)
    name = models.CharField(max_length=256, blank=True)
    state = models.CharField(max_length=16)  # EC2's word: running, stopped, …
    state_reason = models.CharField(
        max_length=64, blank=True
    )  # EC2's code of why it stopped, e.g. to hibernate
    platform = models.CharField(max_length=16)  # linux | windows
    os_name = models.CharField(max_length=200, blank=True)
    os_version = models.CharField(max_length=100, blank=True)
    instance_type = models.CharField(max_length=64, blank=True)
    image_id = models.CharField(max_length=64, blank=True)
    availability_zone = models.CharField(max_length=64, blank=True)
    private_ip = models.CharField(max_length=45, blank=True)
    instance_profile_arn = models.CharField(max_length=700, blank=True)  # IAM: a path of 512, a name of 128
    root_device_type = models.CharField(max_length=32, blank=True)
    launch_time = models.DateTimeField(null=True)
    tags = models.JSONField(default=dict)
    tag_drift = models.JSONField(default=dict)  # key → what the portal wrote and what was found instead
    oddities = models.JSONField(default=list)  # sentences: what it told that is not kept as it was told
    owner = models.CharField(max_length=256, blank=True)
    application = models.CharField(max_length=256, blank=True)
    environment = models.CharField(max_length=256, blank=True)
    business_unit = models.CharField(max_length=256, blank=True)
    cluster = models.CharField(max_length=256, blank=True)
    # Online, ConnectionLost, Inactive; empty: unknown to SSM
    ssm_status = models.CharField(max_length=32, blank=True)
    agent_version = models.CharField(max_length=64, blank=True)
    last_ping_at = models.DateTimeField(null=True)
    results_denied_at = models.DateTimeField(null=True)  # last run whose full report never reached the bucket
    coverage = models.CharField(max_length=32, blank=True)  # first Coverage reason, by severity; empty: none
    coverage_reasons = models.JSONField(default=list)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    objects = AssetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "instance_id"], name="asset_once")]
        indexes = [
            models.Index(fields=["name", "id"], name="asset_name"),
            models.Index(fields=["application", "name", "id"], name="asset_application"),
            models.Index(fields=["owner", "name", "id"], name="asset_owner"),
            models.Index(fields=["environment", "name", "id"], name="asset_environment"),
            models.Index(fields=["coverage", "name", "id"], name="asset_coverage"),
            models.Index(fields=["business_unit", "name", "id"], name="asset_business_unit"),
            models.Index(fields=["private_ip"], name="asset_private_ip"),
            # As icontains and startswith ask.
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="asset_upper_name_trgm"),
            models.Index(OpClass(F("instance_id"), name="varchar_pattern_ops"), name="asset_instance_id"),
        ]

    def __str__(self) -> str:
        return self.name or self.instance_id

    @property
    def label(self) -> str:
        return self.name or self.instance_id

    @property
    def hibernated(self) -> bool:
        """It is stopped, or about to be, and what was in its memory waits for the next start."""
        return self.state in ASLEEP and self.state_reason == HIBERNATED

    @property
    def power(self) -> str:
        """EC2's word for its state, but for the one that EC2 tells only by its reason."""
        return "hibernated" if self.hibernated else self.state


class Selection(models.Model):
    """The servers that a person chose from a list at one moment, by keys and by what they were called then.

    It gives no right: whatever is done with it is done to those that the person may still see.
    """

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asset_ids = ArrayField(models.BigIntegerField())
    labels = ArrayField(models.TextField())
    made_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{len(self.asset_ids)} servers chosen by {self.user}"
