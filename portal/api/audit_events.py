"""The audit trail, for admins and auditors, with the filters of its page."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.endpoint import Endpoint, check_filter
from portal.api.lists import PARAMETERS, described, listed, page_shape
from portal.audit.forms import AuditFilter
from portal.audit.views import PAGER, check_reader, filtered


class Event(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    kind = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    run = serializers.IntegerField(source="run_id", allow_null=True)
    summary = serializers.CharField()
    changes = serializers.ListField(child=serializers.CharField())


class AuditEvents(Endpoint):
    parameters = (*AuditFilter.base_fields, *PARAMETERS)

    @extend_schema(
        operation_id="audit_events_list",
        parameters=described(parameters),
        responses=page_shape("EventPage", Event),
    )
    def get(self, request: Request) -> Response:
        """What happened, the newest first; days are whole days of the person's time zone."""
        check_reader(request)  # type: ignore[arg-type]
        form, rows = filtered(request)  # type: ignore[arg-type]
        check_filter(form)
        return listed(request, rows, PAGER, lambda found: Event(found, many=True).data)
