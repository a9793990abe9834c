"""I13: no host's words change another host's verdict; a report counts for whom it was asked of, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from patching.documents.host_report import DISPATCH, INSTANCE, PHASE
from patching.invariants.violation import Ids, Violation
from patching.models import DispatchTarget, HostReport, PackageChange, Target
from patching.states import Agreement, Phase, TargetState


def reports_are_of_who_was_asked(runs: Ids) -> Iterator[Violation]:
    """I13: each report names the instance, the dispatch and the step that it is stored for.

    A look back may bring the report of the patch command that it asks about, and stands for that command's report.
    """
    told = {
        name: Coalesce(KT(f"content__{key}"), Value(""), output_field=TextField())
        for name, key in WORDS.items()
    }
    own = Cast("row__dispatch_id", TextField())
    rows: Any = HostReport.objects.filter(target__run__in=runs)  # beyond the type checker
    rows = rows.annotate(**told, own=own)
    asked = DispatchTarget.objects.filter(phase__in=[Phase.PATCH, Phase.VERIFY], target=OuterRef("target"))
    of_the_host = asked.annotate(text=Cast("dispatch_id", TextField())).filter(text=OuterRef("said"))
    step = Q(phase=Phase.PATCH, step="patch") | (~Q(phase=Phase.PATCH) & Q(step="precheck"))
    looks = Q(phase=Phase.VERIFY) | Q(phase=Phase.PATCH, source="rescan")
    looked_back = looks & Q(step="patch") & Exists(of_the_host)
    placed = Q(instance=F("row__target__instance_id"), target=F("row__target"), phase=F("row__phase"))
    for row in rows.exclude(placed & (Q(said=F("own")) & step | looked_back)).select_related("target"):
        said = f"by a report of {row.instance or 'nobody'}, step {row.step}, dispatch {row.said}"
        yield Violation("I13", row.target.run_id, f"{row.target.instance_id} is judged {said}.")


WORDS = {"instance": INSTANCE, "said": DISPATCH, "step": PHASE}


def verdicts_are_the_hosts_own(runs: Ids) -> Iterator[Violation]:
    """I13: who is done has an answer of its own, and what is listed as changed on a server was told for that server."""
    answered = DispatchTarget.objects.filter(
        target=OuterRef("pk"), phase__in=[Phase.PATCH, Phase.VERIFY], collected_at__isnull=False
    )
    done = Target.objects.filter(run__in=runs, state=TargetState.DONE).exclude(agreement=Agreement.NO_REPORT)
    for target in done.exclude(verdict="").filter(~Exists(answered)):
        said = f"{target.instance_id} is {target.verdict} without an answer of its own."
        yield Violation("I13", target.run_id, said)
    changes = PackageChange.objects.filter(target__run__in=runs).exclude(asset=F("target__asset"))
    for change in changes.select_related("target"):
        said = f"A change of {change.name[:100]} on {change.target.instance_id} stands on another server."
        yield Violation("I13", change.target.run_id, said)
