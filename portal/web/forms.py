"""A refusal of an operation as the error of a form's field, with the status that fits."""

from __future__ import annotations

from django.forms import Form

from portal.access.rules import Conflict, Denied, Invalid
from portal.web.refusals import note


def onto(form: Form, refusal: Denied) -> int:
    """Puts the sentence onto the field it names, or onto the form; returns the status of the answer."""
    field = refusal.field if isinstance(refusal, Invalid) else ""
    form.add_error(field if field in form.fields else None, str(refusal))
    return status_of(refusal)


def status_of(refusal: Denied) -> int:
    """The status of an answer that shows the refusal, which is noted as what came of this request."""
    note(refusal)
    if isinstance(refusal, Invalid):
        return 422
    return 409 if isinstance(refusal, Conflict) else 403
