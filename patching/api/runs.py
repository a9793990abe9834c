"""Runs, as their list and their page tell of them."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patching.filters import RunFilter
from patching.models import Run, Target
from patching.queries.board import progress_by_run
from patching.queries.runs import Progress, progress
from patching.views.tonight import NEWEST_FIRST
from patching.words import state_look
from portal.access.models import User
from portal.api.endpoint import Endpoint, check_filter
from portal.api.lists import PARAMETERS, described, listed, page_shape

COUNTED = (
    "total",
    "planned",
    "success",
    "active",
    "needs_you",
    "waiting",
    "skipped",
    "unknown",
    "over",
    "percent",
)


class Counts(serializers.Serializer[Any]):
    """Of the servers that the token's person may see; `planned` leaves out those that are `skipped`."""

    total = serializers.IntegerField()
    planned = serializers.IntegerField()
    success = serializers.IntegerField()
    active = serializers.IntegerField()
    needs_you = serializers.IntegerField()
    waiting = serializers.IntegerField()
    skipped = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="With those that are skipped or waiting.")
    over = serializers.IntegerField()
    percent = serializers.IntegerField(help_text="How far it is: `over` of `total`.")


class RunShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    window = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    state_in_words = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was missed, halted or cancelled.")
    check_only = serializers.BooleanField()
    starts_at = serializers.DateTimeField()
    cutoff_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    retry_of = serializers.IntegerField(allow_null=True)
    counts = Counts()


def run_shaped(run: Run, counts: Progress) -> Any:
    same = ("id", "name", "state", "reason", "check_only", "starts_at", "cutoff_at", "ends_at", "started_at",
            "finished_at")  # fmt: skip
    facts = {name: getattr(run, name) for name in same} | {
        "window": run.window.slug if run.window else None,
        "state_in_words": state_look(run)[0],
        "retry_of": run.retry_of_id,
        "counts": {name: getattr(counts, name) for name in COUNTED},
    }
    return RunShape(facts).data


class Runs(Endpoint):
    parameters = (*RunFilter.base_fields, *PARAMETERS)

    @extend_schema(
        operation_id="runs_list", parameters=described(parameters), responses=page_shape("RunPage", RunShape)
    )
    def get(self, request: Request) -> Response:
        """Runs with a server that the token's person may see, the newest first."""
        person = request.user
        assert isinstance(person, User)
        form = RunFilter(request.query_params)
        check_filter(form)
        rows = form.narrow(Run.objects.visible_to(person)).select_related("window")
        return listed(request, rows, NEWEST_FIRST, lambda found: _counted(person, found))


def _counted(person: User, runs: list[Run]) -> list[Any]:
    counts = progress_by_run(runs, Target.objects.visible_to(person))
    return [run_shaped(run, counts[run.pk]) for run in runs]


class OneRun(Endpoint):
    @extend_schema(operation_id="runs_get", responses=RunShape)
    def get(self, request: Request, pk: int) -> Response:
        """One run and how far it is."""
        person = request.user
        assert isinstance(person, User)
        run = get_object_or_404(Run.objects.visible_to(person).select_related("window"), pk=pk)
        return Response(run_shaped(run, progress(run, run.targets.visible_to(person))))
