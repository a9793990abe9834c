"""Puts our documents into every account and region of a run, once per content."""

from __future__ import annotations

from datetime import datetime

from aws.ports import Cloud
from patching.documents.assemble import document
from patching.models import PublishedDocument, Run
from patching.states import Phase


def publish(run: Run, *, cloud: Cloud, now: datetime) -> None:
    """Idempotent: a document whose hash stands in the table is not touched. Raises CloudError."""
    places = run.targets.values_list("account_id", "region", "platform").order_by().distinct()
    for account, region, platform in places:
        for phase in Phase.values:
            publish_one(account, region, phase, platform, cloud=cloud, now=now)


def publish_one(account: str, region: str, phase: str, platform: str, *, cloud: Cloud, now: datetime) -> None:
    wanted = document(phase, platform)  # type: ignore[arg-type]
    place = {"account_id": account, "region": region, "name": wanted.name}
    if PublishedDocument.objects.filter(**place, content_hash=wanted.sha256).exists():
        return
    version = cloud.ssm(account, region).publish_document(wanted.name, wanted.content_yaml)
    PublishedDocument.objects.update_or_create(
        **place, defaults={"content_hash": wanted.sha256, "version": version, "published_at": now}
    )
