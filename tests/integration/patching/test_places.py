"""Where the hosts of a command store their output: in their account's folder, at a place that nobody can guess."""

from __future__ import annotations

import importlib
import re

from django.apps import apps

from patching.models import Dispatch, HostReport
from patching.states import DispatchState, Phase
from portal.audit.models import AuditEvent
from tests.fakes import ACCOUNT
from tests.integration.patching.stage import Stage

OTHER = "444455556666"
PLACE = re.compile(r"output/([0-9]{12})/([0-9a-f]{32})")


def test_each_command_stores_below_its_own_account_at_a_place_of_its_own(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.cloud.add(2, account_id=OTHER)
    run = stage.set()
    stage.to_the_end()
    told = {request.parameters["DispatchId"][0]: request for _, request in stage.cloud.commands.values()}
    places = {}
    for dispatch in run.dispatches.all():
        found = PLACE.fullmatch(told[str(dispatch.pk)].output_prefix)
        assert found, told[str(dispatch.pk)].output_prefix
        assert found[1] == dispatch.account_id
        places[dispatch.pk] = found[2]
    assert {row.account_id for row in run.dispatches.all()} == {ACCOUNT, OTHER}
    assert len(set(places.values())) == len(places) >= 4
    assert HostReport.objects.filter(phase=Phase.PATCH, source="s3").count() == 2


def test_a_command_that_is_sent_again_keeps_its_place(stage: Stage) -> None:
    """The first may have arrived all the same."""
    from tests.fakes import lose_answer

    stage.cloud.add(1)
    stage.set()
    lose_answer(stage.cloud, "SendCommand")
    stage.to_the_end()
    by_dispatch: dict[str, set[str]] = {}
    for _, request in stage.cloud.commands.values():
        by_dispatch.setdefault(request.parameters["DispatchId"][0], set()).add(request.output_prefix)
    assert all(len(places) == 1 for places in by_dispatch.values())


def test_the_place_is_told_to_systems_manager_alone(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.to_the_end()
    for dispatch in run.dispatches.all():
        secret = dispatch.output_prefix.rpartition("/")[2]
        assert len(secret) == 32
        told = [
            str(values)
            for _, request in stage.cloud.commands.values()
            for values in request.parameters.values()
        ]
        written = [f"{event.summary} {event.detail}" for event in AuditEvent.objects.all()]
        assert not [text for text in told + written if secret in text]


def test_a_command_that_was_under_way_at_the_upgrade_is_read_from_its_old_place(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.until(lambda: run.dispatches.filter(state=DispatchState.SENT).exists())
    Dispatch.objects.update(output_prefix="")
    migration = importlib.import_module("patching.migrations.0010_evidence_digest")
    migration.keep_the_places_of_open_commands(apps, None)
    dispatch = run.dispatches.get()
    assert dispatch.output_prefix == f"output/run={run.pk}/dispatch={dispatch.pk}"
