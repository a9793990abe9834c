"""Tries ahead of each start what a run will need of AWS, so that one that cannot succeed says so in time.

In the hour before the start, in its last minute, and each minute while anything is refused. Nothing is changed but one
small object a day in the results bucket. What AWS merely did not answer is not known, and is tried at the next turn.
Rights that only the work itself can prove are noted at each look (engine/permissions.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet

from aws.codes import NOT_SIGNED
from aws.errors import CloudError, Refused
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.engine.trouble import record_trouble
from patching.models import Run, Target
from patching.models.hindrances import BUCKET, PLACE
from patching.operations import hindrances
from patching.operations.hindrances import Refusal
from patching.policy.waking import Place
from patching.queries.outline import Outline
from patching.states import RUN_OVER, TARGET_OVER, RunState
from portal.evidence import trial
from portal.inventory.trials import try_place
from portal.isolation import sentence
from portal.sentences import counted
from portal.side_by_side import visit

AHEAD = timedelta(hours=1)  # of the start: time to mend what is refused
LAST = timedelta(minutes=1)
AGAIN = timedelta(minutes=1)
PLACES_AT_ONCE = 20  # of one reconcile, so that other runs have their turn
log = structlog.get_logger(__name__)


def due(seen: Outline) -> bool:
    run, now = seen.run, seen.now
    if run.state == RunState.HALTING:
        return False
    if run.tried_at is None or run.tried_places:
        return run.starts_at - AHEAD <= now < run.cutoff_at
    if seen.hindrances:
        return now >= run.tried_at + AGAIN
    return run.tried_at < run.starts_at - LAST <= now < run.cutoff_at


def try_requirements(scope: Scope) -> datetime | None:
    """The bucket, then a part of the accounts and regions. Due again at once while some are left."""
    run, began = scope.run, scope.now()
    if not run.tried_places:
        visit({BUCKET: lambda: _settle(scope, BUCKET, _try_bucket(scope), began)})
    places = list(_open(run).values_list("account_id", "region").order_by("account_id", "region").distinct())
    chosen = places[run.tried_places : run.tried_places + PLACES_AT_ONCE]
    for_each(chosen, lambda place: _settle(scope, subject_of(place), _try_place(scope, place), began))
    tried = run.tried_places + len(chosen)
    if tried < len(places):
        Run.objects.filter(pk=run.pk).update(tried_places=tried)
        return scope.now()
    hindrances.end(run, _gone(run, places), seen_before=began, now=scope.now())
    Run.objects.filter(pk=run.pk).update(tried_places=0, tried_at=scope.now())
    return None


def subject_of(place: Place) -> str:
    return f"{PLACE} {' '.join(place)}"


def _open(run: Run) -> QuerySet[Target]:
    return run.targets.exclude(state__in=TARGET_OVER)


def _gone(run: Run, places: list[Place]) -> list[str]:
    """Places in which no server of the run is left. A single right may be needed there to the end."""
    here = {subject_of(place) for place in places}
    rows = run.hindrances.filter(over_at=None, subject__startswith=PLACE)
    return [row.subject for row in rows if not row.right and row.subject not in here]


def settle_missing(scope: Scope, seen: Outline) -> None:
    """At the end of a look: rights that AWS denied it stand on the run's page until they are back or it is over."""
    run, noted = scope.run, scope.noted
    if not (noted.refused or noted.bucket_in_doubt or noted.worked & seen.hindrances):
        return
    now = scope.now()
    for refusal in noted.missing():
        if refusal.subject not in seen.hindrances:
            record_trouble(run, refusal.subject, f"{refusal.title}. {refusal.sentence}")
        hindrances.note(run, refusal, now=now)
    if back := noted.worked & seen.hindrances:
        hindrances.end(run, back, seen_before=now, now=now)
    if noted.bucket_in_doubt and seen.may_send:
        _settle(scope, BUCKET, _try_bucket(scope), now)
    if run.state in RUN_OVER:  # the admins know it all the same
        run.hindrances.filter(over_at=None).update(over_at=now)


def _settle(scope: Scope, subject: str, refusal: Refusal | None, began: datetime) -> None:
    if refusal is None:
        hindrances.end(scope.run, [subject], seen_before=began, now=scope.now())
        return
    record_trouble(scope.run, subject, f"{refusal.title}. {refusal.sentence}")
    hindrances.note(scope.run, refusal, now=scope.now())


def _try_bucket(scope: Scope) -> Refusal | None:
    title = f"Reports cannot be kept in the bucket {settings.RESULTS_BUCKET}"
    try:
        trial.write_and_read(scope.cloud.objects(), day=scope.now().date())
        title = f"Results cannot be listed in the bucket {settings.RESULTS_BUCKET}"
        trial.list_outputs(scope.cloud.objects())
    except (Refused, trial.EvidenceAltered) as error:
        if getattr(error, "code", "") == NOT_SIGNED:
            title = "The portal has no AWS credentials"
        return Refusal(BUCKET, title, sentence(error))
    except CloudError as error:
        log.warning("bucket_not_tried", run=scope.run.pk, error=str(error))
    return None


def _try_place(scope: Scope, place: Place) -> Refusal | None:
    account, region = place
    here = _open(scope.run).filter(account_id=account, region=region)
    sample = here.order_by("pk").values_list("instance_id", flat=True).first()
    try:
        try_place(scope.cloud, account, region, sample, writes_tags=not scope.run.check_only)
    except Refused as error:
        needs = counted(here.count(), "server needs,servers need")
        title = f"Account {account}, {region} refuses what {needs}"
        return Refusal(subject_of(place), title, sentence(error))
    except CloudError as error:
        log.warning("place_not_tried", run=scope.run.pk, place=place, error=str(error))
    return None
