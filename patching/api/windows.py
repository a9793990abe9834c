"""Maintenance windows on offer, with their next starts."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patching.models import Window
from patching.queries.board import enrolled_counts
from patching.views.windows import PAGER
from patching.words import rule_words
from portal.access.models import User
from portal.api.endpoint import Endpoint
from portal.api.lists import PARAMETERS, described, listed, page_shape
from portal.api.problems import BadParameter
from portal.inventory.models import Asset

STARTS = 3
SHOWN = {"": True, "retired": False}
BAD_SHOW = "show is retired, or it is left out for the windows on offer."


class WindowShape(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    active = serializers.BooleanField()
    rule = serializers.CharField(help_text="In words, e.g. Every Saturday, 22:00 to 02:00 Berlin.")
    time_zone = serializers.CharField()
    duration_minutes = serializers.IntegerField()
    cutoff_minutes = serializers.IntegerField(help_text="Before its end; nothing is sent after it.")
    next_starts = serializers.ListField(child=serializers.DateTimeField())
    servers = serializers.IntegerField(help_text="Enrolled ones that the token's person may see.")


def shaped(windows: list[Window], counts: dict[int, int]) -> Any:
    now = timezone.now()
    same = ("slug", "name", "description", "active", "time_zone", "duration_minutes", "cutoff_minutes")
    facts = [
        {name: getattr(window, name) for name in same}
        | {
            "rule": rule_words(window),
            "next_starts": window.recurrence.next(now, STARTS) if window.active else [],
            "servers": counts.get(window.pk, 0),
        }
        for window in windows
    ]
    return WindowShape(facts, many=True).data


class Windows(Endpoint):
    parameters = ("show", *PARAMETERS)

    @extend_schema(
        operation_id="windows_list",
        parameters=described(parameters),
        responses=page_shape("WindowPage", WindowShape),
    )
    def get(self, request: Request) -> Response:
        """The windows on offer, or the retired ones (show=retired)."""
        person = request.user
        assert isinstance(person, User)
        show = request.query_params.get("show", "")
        if show not in SHOWN:
            raise BadParameter({"show": BAD_SHOW})
        counts = enrolled_counts(Asset.objects.visible_to(person).present(), offered=SHOWN[show])
        rows = Window.objects.filter(active=SHOWN[show])
        return listed(request, rows, PAGER, lambda found: shaped(found, counts))
