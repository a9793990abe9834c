"""Puts our documents into the accounts and regions where they are needed, once per content."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from aws.ports import Cloud
from patching.documents.assemble import Document, document
from patching.engine.places import for_each
from patching.models import Dispatch, PublishedDocument, Target
from patching.states import Phase


def publish(rows: QuerySet[Target], *, cloud: Cloud, now: datetime) -> None:
    """Idempotent: a document whose hash stands in the table is not touched. Raises CloudError."""
    places = list(rows.values_list("account_id", "region", "platform").order_by().distinct())
    there = set(PublishedDocument.objects.values_list("account_id", "region", "name", "content_hash"))
    for_each(places, lambda place: _publish_missing(*place, there, cloud=cloud, now=now))


def _publish_missing(
    account: str,
    region: str,
    platform: str,
    there: set[tuple[str, str, str, str]],
    *,
    cloud: Cloud,
    now: datetime,
) -> None:
    for phase in (Phase.PRECHECK, Phase.PATCH):
        wanted = document(str(phase), platform)  # the plain word: YAML knows no enumeration
        if (account, region, wanted.name, wanted.sha256) not in there:
            publish_one(account, region, wanted, cloud=cloud, now=now)


def publish_one(account: str, region: str, wanted: Document, *, cloud: Cloud, now: datetime) -> None:
    place: dict[str, Any] = {"account_id": account, "region": region, "name": wanted.name}
    version = cloud.ssm(account, region).publish_document(wanted.name, wanted.content_yaml)
    PublishedDocument.objects.update_or_create(
        **place, defaults={"content_hash": wanted.sha256, "version": version, "published_at": now}
    )


def forget(dispatch: Dispatch) -> None:
    """AWS no longer has the document (somebody deleted it): the next look publishes it again."""
    PublishedDocument.objects.filter(
        account_id=dispatch.account_id, region=dispatch.region, name=dispatch.document_name
    ).delete()
