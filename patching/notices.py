"""The notifications of patching: faults that come back, and what the audit of runs found."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from patching.models import RunAudit
from patching.states import AUDIT, AuditState
from portal.access.models import User
from portal.access.queries import people_with
from portal.access.states import Role
from portal.notify.kinds import Kind
from portal.sentences import counted, inside_a_sentence
from portal.tones import Tone


def _admins(_: Any, word: str) -> list[User]:
    return people_with(Role.ADMIN)


def _audited(audit: RunAudit, said: str, by: User | None) -> str:
    """Nobody is told that all is well."""
    if audit.state == AuditState.FAILED:
        return said
    first = audit.violations[0]["sentence"] if audit.broken else ""
    return (
        f"The audit of runs found {counted(audit.broken, 'broken promise')}: {first}" if audit.broken else ""
    )


KINDS = [
    Kind(
        "fix.proposed", ("admins",), _admins, sentence=lambda _, said, by: f"{said}.",
        link=lambda _: reverse("patching:recurring"), tone=Tone.ATTENTION,
    ),
    Kind(
        "run.hindered", ("admins",), _admins,
        sentence=lambda run, said, by: f"{run.name} cannot go on as planned: {inside_a_sentence(said)}.",
        link=lambda run: f"{reverse('patching:run', args=[run.pk])}#needs", tone=Tone.DANGER,
    ),
    Kind(
        "power.not_stopped", ("admins",), _admins, sentence=lambda _, said, by: said,
        link=lambda run: reverse("patching:run", args=[run.pk]), tone=Tone.ATTENTION,
    ),
    Kind(
        "snapshot.left", ("admins",), _admins, sentence=lambda _, said, by: said,
        link=lambda run: reverse("patching:run", args=[run.pk]), tone=Tone.ATTENTION,
    ),
    Kind(
        "runs.audit", AUDIT.notifies(AuditState.DONE), _admins, sentence=_audited,
        link=lambda _: reverse("patching:audits"), tone=Tone.DANGER,
    ),
]  # fmt: skip
