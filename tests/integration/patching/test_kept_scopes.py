"""Who sees a run or a request, as it is kept for lists: after races, and after rows that no trigger saw."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from exceptions.models import Covered, ExceptionRequest
from exceptions.queries import waiting_for
from patching.models import Run, RunScope, Target
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.inventory.models import Asset
from tests import cast
from tests.integration.patching.test_every_move import a_run
from tests.integration.patching.test_kept_standing import a_request, differences, row
from tests.unguarded import unguarded


@pytest.mark.django_db
def test_who_covers_everything_sees_each_run_and_request_and_a_stranger_none() -> None:
    run, request = a_run(), a_request()
    Covered.objects.create(request=request, asset=cast.an_asset())
    nobody = User.objects.create(username="nobody")
    assert [*Run.objects.visible_to(cast.ada()), *ExceptionRequest.objects.visible_to(cast.ada())] == [
        run,
        request,
    ]
    assert not Run.objects.visible_to(nobody)
    assert not ExceptionRequest.objects.visible_to(nobody)
    assert list(waiting_for(everybodys_leader())) == [request]
    assert not waiting_for(nobody)


def everybodys_leader() -> User:
    leader = User.objects.create(username="olga")
    Grant.objects.create(user=leader, role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    return leader


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moves_first", [True, False])
def test_a_server_that_is_given_away_while_a_run_takes_it(moves_first: bool) -> None:
    asset, run = cast.an_asset(), a_run()

    def moves() -> None:
        Asset.objects.filter(pk=asset.pk).update(application="intranet")

    def joins() -> None:
        Target.objects.bulk_create([row(run, asset)])

    def apart(act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    first, second = (moves, joins) if moves_first else (joins, moves)
    other = threading.Thread(target=apart, args=[second])
    with transaction.atomic():
        first()
        other.start()
        other.join(timeout=1)
    other.join(timeout=20)
    assert differences() == []
    assert list(Run.objects.visible_to(cast.cy())) == [run]


@pytest.mark.django_db
def test_scopes_that_were_written_past_the_triggers_are_found_and_mended() -> None:
    run = a_run()
    run.targets.bulk_create([row(run, cast.an_asset())])
    with unguarded():
        RunScope.objects.filter(dimension="owner").delete()
        RunScope.objects.create(run=run, dimension="application", value="intranet")
    assert [said.removeprefix("I15: ") for said in differences()] == [
        f"The run {run.pk} is kept as one of application intranet, and it is not.",
        f"The run {run.pk} is not kept as one of owner payments-team.",
    ]
    call_command("audit_standing", mend=True, stdout=StringIO())
    assert differences() == []
