"""Which patch command a look back asks about."""

from __future__ import annotations

from collections.abc import Iterable

from patching.models import Dispatch, DispatchTarget, Target
from patching.states import Phase


def patch_rows(rows: Iterable[Target]) -> dict[int, DispatchTarget]:
    """target pk → the row of its last patch command."""
    found = DispatchTarget.objects.filter(target__in=list(rows), phase=Phase.PATCH).order_by("attempt")
    return {row.target_id: row for row in found}


def asked_about(dispatch: Dispatch) -> str:
    """Id of the patch dispatch whose hosts a re-scan looks at, which is one for all of them; empty for other phases."""
    if dispatch.phase != Phase.VERIFY:
        return ""
    looked_at = Target.objects.filter(dispatched__dispatch=dispatch)
    return next((str(row.dispatch_id) for row in patch_rows(looked_at).values()), "")
