"""Servers, as My servers lists them: the same filters, order, states and reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patching.models import Window
from portal.access.models import User
from portal.api.endpoint import Endpoint, check_filter
from portal.api.lists import PARAMETERS, described, listed, page_shape
from portal.inventory.models import Asset
from portal.web.paging import KeysetPager
from reports.filters import ServerFilter, servers
from reports.queries.servers import Row, rows_of, windows_of
from reports.queries.servers import listed as present
from reports.views.servers import ORDERS

PAGER = KeysetPager(order=ORDERS[""])


class AssetShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    instance_id = serializers.CharField()
    account = serializers.CharField()
    region = serializers.CharField()
    application = serializers.CharField()
    environment = serializers.CharField()
    owner = serializers.CharField()
    business_unit = serializers.CharField()
    platform = serializers.CharField()
    os = serializers.CharField()
    state = serializers.CharField(help_text="In the words of the page, e.g. Patched.")
    reason = serializers.CharField(help_text="Why it stands there, as a sentence.")
    kernel_running = serializers.CharField()
    kernel_before = serializers.CharField()
    updates_waiting = serializers.IntegerField(allow_null=True)
    window = serializers.CharField(allow_null=True, help_text="The slug of its window.")
    next_run_at = serializers.DateTimeField(allow_null=True)
    exception = serializers.IntegerField(allow_null=True, help_text="The request in force, or the next one.")
    last_patched_at = serializers.DateTimeField(allow_null=True)


def shaped(row: Row) -> dict[str, Any]:
    asset = row.asset
    same = ("id", "instance_id", "region", "application", "environment", "owner", "business_unit", "platform")
    return {name: getattr(asset, name) for name in same} | {
        "name": asset.label, "account": asset.account.account_id, "os": f"{asset.os_name} {asset.os_version}".strip(),
        "state": row.label, "reason": row.why, "kernel_running": row.kernel_to, "kernel_before": row.kernel_from,
        "updates_waiting": row.updates, "window": row.window.slug if row.window else None,
        "next_run_at": row.next_start, "exception": row.exception.pk if row.exception else None,
        "last_patched_at": row.last_patched,
    }  # fmt: skip


def _shaped_all(assets: Iterable[Asset], windows: dict[int, Window]) -> Any:
    return AssetShape([shaped(row) for row in rows_of(assets, windows, timezone.now())], many=True).data


class Assets(Endpoint):
    parameters = (*ServerFilter.base_fields, "sort", *PARAMETERS)

    @extend_schema(
        operation_id="assets_list",
        parameters=described(parameters),
        responses=page_shape("AssetPage", AssetShape),
    )
    def get(self, request: Request) -> Response:
        """The present servers that the token's person may see; the most urgent first."""
        person = request.user
        assert isinstance(person, User)
        form, rows = servers(person, request.query_params)
        check_filter(form)
        order = ORDERS.get(request.query_params.get("sort", ""), ORDERS[""])
        pager = replace(PAGER, order=order)
        return listed(request, rows, pager, lambda found: _shaped_all(found, form.windows))


class OneAsset(Endpoint):
    @extend_schema(operation_id="assets_get", responses=AssetShape)
    def get(self, request: Request, pk: int) -> Response:
        """One server. 404 where there is none, or not for the token's person."""
        person = request.user
        assert isinstance(person, User)
        asset = get_object_or_404(present(person), pk=pk)
        return Response(_shaped_all([asset], windows_of(person))[0])
