"""Servers of a run: what became of each, in the words of its page."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patching.filters import TargetFilter
from patching.models import Run, Target
from patching.queries.board import with_group
from patching.standing import standing_of
from patching.views.run import WORST_FIRST
from portal.access.models import User
from portal.api.endpoint import Endpoint, check_filter
from portal.api.lists import PARAMETERS, described, listed, page_shape

TARGET_PARAMETERS = (*TargetFilter.base_fields, *PARAMETERS)
# What is told as it is stored.
SAME = (
    "id", "instance_id", "region", "wave", "attempt", "state", "reason", "reason_code", "since", "verdict", "agreement",
    "kernel_before", "kernel_after", "rebooted", "reboot_needed", "release", "newest_release",
)  # fmt: skip


class TargetShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    asset = serializers.IntegerField()
    name = serializers.CharField()
    instance_id = serializers.CharField()
    account = serializers.CharField()
    region = serializers.CharField()
    application = serializers.CharField()
    os = serializers.CharField()
    wave = serializers.IntegerField()
    attempt = serializers.IntegerField()
    state = serializers.CharField()
    outcome = serializers.CharField(help_text="State and verdict in the words of the page.")
    counts_as = serializers.CharField(help_text="The group in the counts of the run.")
    reason = serializers.CharField()
    reason_code = serializers.CharField()
    since = serializers.DateTimeField()
    verdict = serializers.CharField(help_text="What host and portal found; empty: not judged.")
    agreement = serializers.CharField(help_text="Whether Systems Manager says the same.")
    kernel_before = serializers.CharField()
    kernel_after = serializers.CharField()
    packages_updated = serializers.IntegerField(allow_null=True)
    still_available = serializers.IntegerField(allow_null=True)
    withheld = serializers.IntegerField(allow_null=True)
    rebooted = serializers.BooleanField(allow_null=True)
    reboot_needed = serializers.BooleanField(allow_null=True)
    release = serializers.CharField()
    newest_release = serializers.CharField()


def target_shaped(row: Target) -> dict[str, Any]:
    standing = standing_of(row.state, row.verdict, row.behind)
    return {name: getattr(row, name) for name in SAME} | {
        "asset": row.asset_id, "name": row.asset.label, "account": row.account_id, "os": row.os_label,
        "application": row.asset.application, "outcome": standing.word, "counts_as": standing.group.value,
        "packages_updated": row.updated_count, "still_available": row.available_count,
        "withheld": row.withheld_count,
    }  # fmt: skip


def narrowed(request: Request, targets: QuerySet[Target]) -> QuerySet[Target]:
    """By what the address asks for; `targets` carry their group."""
    form = TargetFilter(request.query_params)
    check_filter(form)
    return form.narrow(targets)


class Targets(Endpoint):
    parameters = TARGET_PARAMETERS

    @extend_schema(
        operation_id="runs_targets",
        parameters=described(parameters),
        responses=page_shape("TargetPage", TargetShape),
    )
    def get(self, request: Request, pk: int) -> Response:
        """The servers of the run that the token's person may see, the worst first."""
        person = request.user
        assert isinstance(person, User)
        run = get_object_or_404(Run.objects.visible_to(person), pk=pk)
        rows = with_group(Target.objects.visible_to(person).filter(run=run)).select_related("asset")
        return listed(
            request, narrowed(request, rows), WORST_FIRST,
            lambda found: TargetShape([target_shaped(row) for row in found], many=True).data,
        )  # fmt: skip
