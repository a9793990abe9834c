"""I7: LastPatched changes only where the host proved it."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Exists, OuterRef

from patching.invariants.violation import Ids, Violation
from patching.models import Target
from patching.states import Verdict
from portal.tags.models import TagChange


def last_patched_is_proven(runs: Ids) -> Iterator[Violation]:
    """I7: no request for LastPatched for a server whose verdict is not `patched` or `nothing_to_do`."""
    proven = Target.objects.filter(
        run=OuterRef("run_id"), instance_id=OuterRef("instance_id"),
        verdict__in=[Verdict.PATCHED, Verdict.NOTHING_TO_DO],
    )  # fmt: skip
    key = settings.TAG_KEYS["last_patched"]
    requests = TagChange.objects.filter(run_id__in=list(runs), key=key, value__isnull=False)
    for row in requests.filter(~Exists(proven)):
        said = f"{key} of {row.instance_id} was set to {row.value} without proof."
        yield Violation("I7", row.run_id or 0, said)
