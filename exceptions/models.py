"""Permission not to patch: who asked, for which assets, from when to when, and who decided."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from exceptions.states import ExceptionState
from portal.access.queries import kinds_of, scope, scope_of_rows
from portal.audit.append_only import append_only
from portal.inventory.models import Asset

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.access.models import User


class RequestQuerySet(models.QuerySet["ExceptionRequest"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The requester, and everybody who may see one of its assets."""
        if not user.is_authenticated:
            return self.none()
        if not scope(user):
            return self.filter(Q(requested_by=user) | Exists(Covered.objects.filter(request=OuterRef("pk"))))
        seen = RequestScope.objects.filter(scope_of_rows(user)).values("request")
        return self.filter(Q(requested_by=user) | Q(pk__in=seen))


class ExceptionRequest(models.Model):
    """Leaves assets unpatched in the half-open interval [starts_at, ends_at), made from whole days in `time_zone`."""

    state = models.CharField(max_length=50, choices=ExceptionState.choices, default=ExceptionState.DRAFT)
    from_date = models.DateField()
    to_date = models.DateField()  # the last day that is still excepted
    asked_to_date = models.DateField()  # as it was asked for: an approver may grant fewer days, never more
    time_zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    category = models.CharField(max_length=32)  # audit, bid, release, vendor, other
    reason = models.TextField()
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    assets = models.ManyToManyField(Asset, through="Covered", related_name="exception_requests")

    objects = RequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(to_date__gte=F("from_date")), name="exception_days_in_order"),
            models.CheckConstraint(
                condition=Q(to_date__lte=F("asked_to_date")), name="exception_not_longer_than_asked"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="exception_ends_after_start"
            ),
        ]
        indexes = [models.Index(fields=["state", "ends_at"], name="exception_state")]

    def __str__(self) -> str:
        return f"Exception {self.pk}"

    @cached_property
    def kinds(self) -> list[Any]:
        """Its servers by what grants look at; which servers they are never changes."""
        return kinds_of(self.assets.all())

    @property
    def shortened(self) -> bool:
        """Whether fewer days were granted than asked for."""
        return self.to_date < self.asked_to_date


class Covered(models.Model):
    """One asset of one request."""

    request = models.ForeignKey(ExceptionRequest, on_delete=models.CASCADE, related_name="covered")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="covered")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "asset"], name="asset_once_per_request")]

    def __str__(self) -> str:
        return f"{self.asset} in {self.request}"


class RequestScope(models.Model):
    """A value of a dimension that one of the request's assets has; triggers keep it (docs/adr/0095)."""

    request = models.ForeignKey(ExceptionRequest, on_delete=models.CASCADE, related_name="scopes")
    dimension = models.CharField(max_length=16)
    value = models.CharField(max_length=256)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dimension", "value", "request"], name="request_scope_once")
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value} in {self.request_id}"


class Approval(models.Model):
    """One decision on a request; never changed or deleted."""

    request = models.ForeignKey(ExceptionRequest, on_delete=models.PROTECT, related_name="approvals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=16)  # approved | rejected | returned | revoked
    reason = models.TextField(blank=True)
    # The last day that an approval granted; None with other decisions, and on approvals before 2026-11-30.
    granted_to_date = models.DateField(null=True)
    at = models.DateTimeField()  # by the database's clock

    class Meta:
        triggers = append_only("at", owner_may_tell_the_time=True)

    def __str__(self) -> str:
        return f"{self.by} {self.decision} {self.request}"
