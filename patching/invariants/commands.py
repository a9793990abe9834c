"""I3, I4 and I10 of commands: each belongs to one dispatch, each attempt is counted, each end is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from django.db.models import CharField, Exists, F, OuterRef, Value
from django.db.models.functions import Cast, Concat

from patching.invariants.violation import Ids, Violation
from patching.models import Dispatch, DispatchTarget
from portal.audit.models import AuditEvent


def attempts_are_counted(runs: Ids) -> Iterator[Violation]:
    """I3: a command of an attempt that its target never had was sent behind its back."""
    rows = DispatchTarget.objects.filter(dispatch__run__in=runs, attempt__gt=F("target__attempt"))
    for row in rows.select_related("dispatch"):
        said = f"Target {row.target_id} has a command of attempt {row.attempt} that was never counted."
        yield Violation("I3", row.dispatch.run_id, said)


def commands_have_one_owner(runs: Ids) -> Iterator[Violation]:
    """I4: a command that AWS accepted belongs to one dispatch."""
    owners: dict[str, list[Dispatch]] = defaultdict(list)
    for row in Dispatch.objects.filter(run__in=runs).only("pk", "run_id", "command_ids"):
        for command in row.command_ids:
            owners[command].append(row)
    for command, rows in owners.items():
        if len(rows) > 1:
            yield Violation("I4", rows[0].run_id, f"The command {command} belongs to {len(rows)} dispatches.")


def every_dispatch_is_told(runs: Ids) -> Iterator[Violation]:
    """I10: each dispatch has an audit event of the state that it is in."""
    event = AuditEvent.objects.filter(
        subject_type="dispatch", subject_id=OuterRef("text"), kind=OuterRef("kind"), run_id=OuterRef("run_id")
    )
    kind = Concat(Value("dispatch."), "state", output_field=CharField())
    rows = Dispatch.objects.filter(run__in=runs).annotate(text=Cast("pk", CharField()), kind=kind)
    for row in rows.filter(~Exists(event)):
        yield Violation("I10", row.run_id, f"Nothing tells that command {row.pk} became {row.state}.")
