"""Exception requests, as the register lists them."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from exceptions.forms import RegisterFilter
from exceptions.models import ExceptionRequest
from exceptions.queries import register
from exceptions.views.register import PAGER, filtered
from portal.access.models import User
from portal.api.endpoint import Endpoint, check_filter
from portal.api.lists import PARAMETERS, described, listed, page_shape


class Decision(serializers.Serializer[Any]):
    decision = serializers.CharField()
    by = serializers.CharField(source="by.display_name")
    at = serializers.DateTimeField()
    reason = serializers.CharField()


class RequestShape(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    state_in_words = serializers.CharField(source="get_state_display")
    from_date = serializers.DateField()
    to_date = serializers.DateField(help_text="The last day that is still excepted.")
    asked_to_date = serializers.DateField()
    time_zone = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    category = serializers.CharField()
    reason = serializers.CharField()
    asked_by = serializers.CharField(source="requested_by.display_name")
    asked_at = serializers.DateTimeField(source="submitted_at", allow_null=True)
    servers = serializers.IntegerField(help_text="How many it covers, also those that are not yours to see.")
    decisions = Decision(many=True, source="approvals.all")


def _told(rows: QuerySet[ExceptionRequest]) -> QuerySet[Any]:
    return rows.annotate(servers=Count("covered")).prefetch_related("approvals__by")


class ExceptionRequests(Endpoint):
    parameters = (*RegisterFilter.base_fields, *PARAMETERS)

    @extend_schema(
        operation_id="exception_requests_list",
        parameters=described(parameters),
        responses=page_shape("ExceptionRequestPage", RequestShape),
    )
    def get(self, request: Request) -> Response:
        """The requests that the token's person may see, the newest first."""
        person = request.user
        assert isinstance(person, User)
        form, rows = filtered(person, request.query_params)
        check_filter(form)
        return listed(request, _told(rows), PAGER, lambda found: RequestShape(found, many=True).data)


class OneExceptionRequest(Endpoint):
    @extend_schema(operation_id="exception_requests_get", responses=RequestShape)
    def get(self, request: Request, pk: int) -> Response:
        """One request and what was decided about it."""
        person = request.user
        assert isinstance(person, User)
        return Response(RequestShape(get_object_or_404(_told(register(person)), pk=pk)).data)
