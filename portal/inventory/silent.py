"""Services that do not answer in a place, as the pages of accounts show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import redis
import structlog

from aws.session import PORTAL
from portal.cloud import silent_places
from portal.inventory.models import Account
from portal.inventory.words import follows
from portal.limits.circuits import OpenCircuit

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Silent:
    """One service of one account and region; `account` is None for the portal's own."""

    service: str
    region: str
    since: datetime
    try_at: datetime
    follows: str
    account: Account | None


def read() -> list[Silent] | None:
    """Those of the portal itself and of accounts it knows, longest first; None where Redis cannot tell."""
    try:
        found = silent_places()
    except redis.RedisError as error:
        log.error("circuits_unreachable", error=str(error))
        return None
    return list(_shown(found))


def of_account(rows: list[Silent] | None, account: Account) -> list[Silent]:
    return [row for row in rows or () if row.account == account]


def _shown(circuits: Iterable[OpenCircuit]) -> Iterable[Silent]:
    circuits = list(circuits)
    known = {
        account.account_id: account
        for account in Account.objects.filter(account_id__in={circuit.account_id for circuit in circuits})
    }
    for circuit in circuits:
        account = known.get(circuit.account_id)
        if account or circuit.account_id == PORTAL:
            what = follows(circuit.service)
            yield Silent(circuit.word, circuit.region, circuit.since, circuit.try_at, what, account)
