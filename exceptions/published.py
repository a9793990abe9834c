"""What programs are told of an exception: the document's facts, its servers, and what a subscription may filter by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from exceptions.models import ExceptionRequest
from portal.notify.events import MOST_SERVERS, MOST_VALUES, Event, Servers
from portal.sentences import counted

# The end of the sentence "exception 12 …".
HAPPENED = {
    "submitted": "waits for approval",
    "approved": "approved",
    "rejected": "NOT approved",
    "returned": "needs changes",
    "withdrawn": "withdrawn",
    "active": "is in force",
    "expired": "has expired",
    "revoked": "REVOKED",
}
COLUMNS = {
    "account": "account__account_id",
    "region": "region",
    "instance_id": "instance_id",
    "name": "name",
    "application": "application",
    "environment": "environment",
}
FILTERS = ("account", "application", "environment")


def event_of(request: ExceptionRequest) -> Event:
    servers = _servers(request)
    happened = HAPPENED[request.state]
    return Event(
        about=f"exception/{request.pk}",
        title=f"Patch Portal: exception {request.pk} {happened} ({counted(servers.count, 'server')})",
        servers=servers,
        facts={"exception": _facts(request)},
        attributes={name: _values(request, COLUMNS[name]) for name in FILTERS},
    )


def _servers(request: ExceptionRequest) -> Servers:
    rows = request.assets.order_by("name", "instance_id").values_list(*COLUMNS.values())[:MOST_SERVERS]
    return Servers(request.assets.count(), [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def _values(request: ExceptionRequest, column: str) -> list[str]:
    """One more than a message names, so that a cut is seen."""
    values = request.assets.order_by(column).values_list(column, flat=True).distinct()
    return list(values[: MOST_VALUES + 1])


def _facts(request: ExceptionRequest) -> dict[str, Any]:
    return {
        "id": request.pk,
        "state": str(request.state),
        "starts_at": _instant(request.starts_at),
        "ends_at": _instant(request.ends_at),
        "first_day": request.from_date.isoformat(),
        "last_day": request.to_date.isoformat(),
        "time_zone": request.time_zone,
        "category": request.category,
        "asked_by": request.requested_by.display_name,
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
