"""I1: nobody who is exempt at the moment of sending is in the command."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db.models import F

from exceptions.invariants import in_force_at
from exceptions.queries import bearing_foreign_tag
from patching.invariants.violation import Ids, Violation
from patching.models import DispatchTarget
from patching.states import Phase


def exempt_is_never_sent(runs: Ids) -> Iterator[Violation]:
    """I1: by approved exceptions, also by those that have ended or were revoked since."""
    rows = DispatchTarget.objects.filter(dispatch__run__in=runs, phase=Phase.PATCH)
    for row in in_force_at(rows, asset="target__asset", moment="dispatch__claimed_at").select_related(
        "target__asset", "dispatch"
    ):
        if row.target.instance_id in row.dispatch.instance_ids:
            yield Violation(
                "I1", row.dispatch.run_id, f"{row.target.asset.label} was sent while it was exempt."
            )


def foreign_tags_are_respected(runs: Ids) -> Iterator[Violation]:
    """I1: by tags set outside the portal, until the asset is read again: older readings are not kept."""
    key = settings.TAG_KEYS["exception"]
    rows = DispatchTarget.objects.filter(
        dispatch__run__in=runs, phase=Phase.PATCH, target__asset__tags__has_key=key,
        target__asset__last_seen_at__lte=F("dispatch__claimed_at"),
    )  # fmt: skip
    for row in rows.select_related("target__asset__account", "dispatch"):
        asset, sent = row.target.asset, row.target.instance_id in row.dispatch.instance_ids
        if sent and bearing_foreign_tag([asset], row.dispatch.claimed_at):
            said = f"{asset.label} was sent although its tag {key}={asset.tags[key]} excepted it."
            yield Violation("I1", row.dispatch.run_id, said)
