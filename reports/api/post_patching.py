"""The post-patching report of one run: the figures and lines of its page."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patching.api.runs import RunShape, run_shaped
from patching.api.targets import TARGET_PARAMETERS, TargetShape, narrowed, target_shaped
from patching.models import Run
from patching.queries.runs import progress
from portal.access.models import User
from portal.api.endpoint import Endpoint
from portal.api.lists import described, listed
from portal.api.problems import BadParameter
from reports.views.runs import PAGER, rows_of

NO_RUN = "run is the number of a run, e.g. run=12."
MOST_DIGITS = 18


class ReportShape(serializers.Serializer[Any]):
    run = RunShape()
    items = TargetShape(many=True)
    next = serializers.URLField(allow_null=True)
    count = serializers.IntegerField()
    count_is_capped = serializers.BooleanField()


class PostPatching(Endpoint):
    parameters = ("run", *TARGET_PARAMETERS)

    @extend_schema(
        operation_id="reports_post_patching", parameters=described(parameters), responses=ReportShape
    )
    def get(self, request: Request) -> Response:
        """What became of each server of the run, the worst first; run.counts are of all that are seen."""
        person = request.user
        assert isinstance(person, User)
        run = get_object_or_404(Run.objects.visible_to(person), pk=_number(request))
        everything = rows_of(person, run)
        answer = listed(
            request, narrowed(request, everything), PAGER,
            lambda found: TargetShape([target_shaped(row) for row in found], many=True).data,
        )  # fmt: skip
        answer.data = {"run": run_shaped(run, progress(run, everything)), **answer.data}
        return answer


def _number(request: Request) -> int:
    text = request.query_params.get("run", "")
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise BadParameter({"run": NO_RUN})
    return int(text)
