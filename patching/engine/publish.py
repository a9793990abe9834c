"""Puts our documents into the accounts and regions where they are needed, once per content."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from aws.errors import Refused
from patching.documents.assemble import Document, document
from patching.engine.nodes import NO_ANSWER, give_up_early_waves
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.models import Dispatch, PublishedDocument, Target
from patching.operations import targets
from patching.policy.waking import Place
from patching.states import Phase, TargetState

Published = set[tuple[str, str, str, str]]  # account, region, name and hash of what stands there


def publish(scope: Scope, rows: QuerySet[Target]) -> None:
    """For targets that wait for a command. Idempotent: a document whose hash stands in the table is not touched.

    A document that AWS will never take is the answer for every host that waits for it. Raises CloudError.
    """
    now = scope.now()
    places = list(rows.values_list("account_id", "region", "platform").order_by().distinct())
    there = set(PublishedDocument.objects.values_list("account_id", "region", "name", "content_hash"))

    def publish_or_block(place: tuple[str, str, str]) -> None:
        try:
            _publish_missing(scope, place, there)
        except NO_ANSWER as error:  # the role may get its right back before the cutoff
            give_up_early_waves(_in_place(rows, place), error, now=now)
            raise
        except Refused as error:
            _block(rows, place, error, now=now)
            raise

    for_each(places, publish_or_block)


def _block(rows: QuerySet[Target], place: tuple[str, str, str], error: Refused, *, now: datetime) -> None:
    reason = f"Systems Manager refused the portal's document: {error}"
    here = _in_place(rows, place).values_list("pk", flat=True)
    targets.move(here, TargetState.BLOCKED, now=now, code="document_refused", reason=reason)


def _in_place(rows: QuerySet[Target], place: tuple[str, str, str]) -> QuerySet[Target]:
    account, region, platform = place
    return rows.filter(account_id=account, region=region, platform=platform)


def _publish_missing(scope: Scope, place: tuple[str, str, str], there: Published) -> None:
    account, region, platform = place
    for phase in (Phase.PRECHECK, Phase.PATCH):
        wanted = document(str(phase), platform)  # the plain word: YAML knows no enumeration
        if (account, region, wanted.name, wanted.sha256) not in there:
            publish_one(scope, (account, region), wanted)


def publish_one(scope: Scope, place: Place, wanted: Document) -> None:
    version = scope.ssm(place).publish_document(wanted.name, wanted.content_yaml)
    row: dict[str, Any] = {"account_id": place[0], "region": place[1], "name": wanted.name}
    PublishedDocument.objects.update_or_create(
        **row, defaults={"content_hash": wanted.sha256, "version": version, "published_at": scope.now()}
    )


def forget(dispatch: Dispatch) -> None:
    """AWS no longer has the document (somebody deleted it): the next reconcile publishes it again."""
    PublishedDocument.objects.filter(
        account_id=dispatch.account_id, region=dispatch.region, name=dispatch.document_name
    ).delete()
