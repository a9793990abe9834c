"""Who may read and who may write at each address: the table that the attack, the tests and `script/check` ask.

Run as a program it names every address without a rule, and every rule without an address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

# The people: see tests/attack/world.py. Ana and Bo belong to payments, Cy to the intranet; the rows that an address
# names are those of payments.
SIGNED_IN = frozenset({"nobody", "ana", "bo", "cy", "ada", "audrey"})
PEOPLE = SIGNED_IN | {"stranger", "shut_out"}
PAYMENTS = frozenset({"ana", "bo", "ada", "audrey"})
OWNERS = frozenset({"ana", "ada"})
ADMINS = frozenset({"ada"})
READERS = frozenset({"ada", "audrey"})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """`reads` get the page, `writes` change something by `body`; everybody else is refused and changes nothing.

    `rows` name the rows of the world that the address holds, in order; `body` is a form that a permitted person could
    send (texts may name rows of the world in braces).
    """

    reads: frozenset[str] = NOBODY
    writes: frozenset[str] = NOBODY
    rows: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


REASON = {"reason": "Because of the attack."}
WINDOW = {
    "name": "Attacked anew", "frequency": "weekly", "weekday": "5", "start_time": "22:00", "time_zone": "Europe/Berlin",
    "duration_minutes": "240", "cutoff_minutes": "60", "mode": "all", "reboot": "if-needed", "fixes": "all",
    "concurrency": "200", "stop_at_error_percent": "20", "min_free_mb": "900",
}  # fmt: skip
ACCOUNT = {
    "name": "Attacked",
    "role_name": "PatchPortal",
    "regions": "eu-west-1",
    "active": "on",
}
ROLE_RULE = {
    "provider": "", "claim": "groups", "value": "attacked", "role": "admin", "dimension": "everything", "scope": "",
}  # fmt: skip
SERVERS = {"ids": "{asset}"}
PAGE = Rule(reads=SIGNED_IN)
OPEN = Rule(reads=PEOPLE)

RULES: dict[str, Rule] = {
    "account_login": OPEN,
    "account_logout": Rule(reads=PEOPLE),  # ends a session, and changes nothing else
    "account_reset_password": OPEN,
    "account_reset_password_done": OPEN,
    "account_reset_password_from_key": Rule(reads=PEOPLE, rows=("uid", "token")),
    "account_reset_password_from_key_done": OPEN,
    "account_inactive": OPEN,
    "people:first-admin": Rule(rows=("token",)),  # an admin is there: the link of another day lets nobody in
    "account_change_password": PAGE,
    "reauthenticate": Rule(reads=SIGNED_IN, body={"password": "not theirs"}),
    "reauthenticated": Rule(reads=SIGNED_IN),  # with nothing held it leads to the first page
    "mfa_authenticate": Rule(reads=SIGNED_IN),  # who is in already is led to their first page
    "second_factor": PAGE,
    "second_factor_app": Rule(reads=SIGNED_IN, body={"code": "000000"}),  # nobody knows the session's secret
    "second_factor_passkey": Rule(reads=SIGNED_IN, body={"name": "Attacked", "credential": "[]"}),
    "second_factor_codes": Rule(),  # nobody has a second factor
    "second_factor_remove": Rule(rows=("factor",)),  # the victim's: everybody removes their own alone
    "own_sessions": PAGE,
    "tokens:list": PAGE,
    "tokens:new": Rule(
        reads=SIGNED_IN, writes=SIGNED_IN, body={"name": "Attacked", "right": "", "may_act": "1", "days": "1"}
    ),
    "tokens:rotate": Rule(rows=("api_token",)),  # the victim's: everybody replaces and ends their own alone
    "tokens:end": Rule(rows=("api_token",)),
    # A browser's session counts for nothing in the API; tests/integration/api asks it with tokens.
    "api:me": Rule(),
    "api:schema": Rule(),
    "api:docs": PAGE,
    "api:audit-events": Rule(),
    "reports-api:assets": Rule(),
    "reports-api:asset": Rule(rows=("asset",)),
    "reports-api:post-patching": Rule(),
    "patching-api:windows": Rule(),
    "patching-api:runs": Rule(),
    "patching-api:run": Rule(rows=("run",)),
    "patching-api:targets": Rule(rows=("run",)),
    "exceptions-api:requests": Rule(),
    "exceptions-api:request": Rule(rows=("exception",)),
    "end_session": Rule(rows=("session",)),  # the victim's: everybody ends their own alone
    # Without a provider in the settings these lead nowhere; tests/integration/portal/federation attacks them with some.
    "federation:by-email": Rule(),
    "federation:start": Rule(rows=("provider",)),
    "federation:oidc-callback": Rule(rows=("provider",)),
    "federation:saml-acs": Rule(rows=("provider",)),
    "federation:saml-finish": Rule(rows=("provider",)),
    "federation:saml-sls": Rule(rows=("provider",)),
    "federation:saml-metadata": Rule(rows=("provider",)),
    "federation:providers": Rule(reads=ADMINS),
    "federation:try": Rule(reads=ADMINS, body={"sample": "attacked"}),  # changes nothing
    "federation:rule-new": Rule(reads=ADMINS, writes=ADMINS, body=ROLE_RULE),
    "federation:rule": Rule(reads=ADMINS, writes=ADMINS, rows=("role_rule",), body=ROLE_RULE),
    "federation:rule-agree": Rule(writes=ADMINS, rows=("waiting_rule",), body={"said": "{waiting_words}"}),
    "federation:rule-move": Rule(writes=ADMINS, rows=("role_rule",), body={"to": "down"}),
    "federation:identities": Rule(
        reads=ADMINS, rows=("person",), body={"provider": "nobody-s", "subject": "x"}
    ),  # there is no provider to link
    "federation:identity-unlink": Rule(writes=ADMINS, rows=("person", "identity")),
    "federation:rule-remove": Rule(writes=ADMINS, rows=("role_rule",)),
    "web:stylesheet": Rule(reads=PEOPLE, rows=("digest",)),
    "web:script": Rule(reads=PEOPLE, rows=("digest",)),
    "web:theme": Rule(),  # a cookie of the browser's own
    "web:design": Rule(),  # only while debugging
    "reports:my-servers": PAGE,
    "reports:servers-csv": PAGE,
    "reports:servers-act": Rule(body={"act": "window", **SERVERS}),  # leads on, and changes nothing
    "reports:server": Rule(reads=PAYMENTS, rows=("asset",)),
    "reports:host-report": Rule(reads=PAYMENTS, rows=("asset", "report")),
    "reports:report-evidence": Rule(reads=PAYMENTS, rows=("asset", "report")),
    "reports:packages": Rule(reads=PAYMENTS, rows=("asset",)),
    "reports:packages-csv": Rule(reads=PAYMENTS, rows=("asset",)),
    "reports:finished": PAGE,
    "reports:run-report": Rule(reads=PAYMENTS | {"cy"}, rows=("finished",)),
    "reports:run-report-csv": Rule(reads=PAYMENTS | {"cy"}, rows=("finished",)),
    "reports:run-changes": Rule(reads=PAYMENTS | {"cy"}, rows=("finished",)),
    "reports:run-changes-csv": Rule(reads=PAYMENTS | {"cy"}, rows=("finished",)),
    "reports:search": PAGE,
    "patching:tonight": PAGE,
    "patching:runs": PAGE,
    "patching:run": Rule(reads=PAYMENTS, rows=("run",)),
    "patching:run-live": Rule(reads=PAYMENTS, rows=("run",)),
    "patching:run-power-and-snapshots": Rule(reads=PAYMENTS, rows=("run",)),
    "patching:halt": Rule(reads=ADMINS, writes=ADMINS, rows=("run",), body=REASON),
    "patching:cancel": Rule(reads=ADMINS, writes=ADMINS, rows=("planned",), body=REASON),
    "patching:retry": Rule(reads=ADMINS, writes=ADMINS, rows=("run",), body=REASON),
    "patching:skip": Rule(
        reads=ADMINS, writes=ADMINS, rows=("planned",), body=REASON, query={"target": "{waiting}"}
    ),
    "patching:extend": Rule(reads=ADMINS, writes=ADMINS, rows=("run",), body=REASON | {"minutes": "30"}),
    "patching:power-and-snapshots": Rule(reads=PAYMENTS, rows=("asset",)),
    "patching:check-again": Rule(writes=OWNERS, rows=("idle_asset",)),
    "patching:keep-running": Rule(reads=OWNERS, writes=OWNERS, rows=("asset",), body=REASON),
    "patching:restore": Rule(reads=ADMINS, writes=ADMINS, rows=("snapshot",), body=REASON),
    "patching:audits": Rule(reads=READERS),
    "patching:audit-now": Rule(writes=ADMINS),
    "patching:recurring": Rule(reads=READERS),
    "patching:recurring-csv": Rule(reads=READERS),
    "patching:recurring-decide": Rule(
        reads=ADMINS, writes=ADMINS, rows=("proposal",), body=REASON | {"decision": "accepted"}
    ),
    "patching:recurring-reopen": Rule(writes=ADMINS, rows=("decided_proposal",)),
    "patching:windows": PAGE,
    "patching:window": Rule(reads=SIGNED_IN, rows=("window",)),
    "patching:window-new": Rule(reads=ADMINS, writes=ADMINS, body=WINDOW),
    "patching:window-edit": Rule(reads=ADMINS, writes=ADMINS, rows=("window",), body=WINDOW),
    "patching:window-retire": Rule(reads=ADMINS, writes=ADMINS, rows=("window",)),
    "patching:plan": Rule(reads=SIGNED_IN, rows=("window",)),
    "patching:start-now": Rule(writes=ADMINS, rows=("idle_window",), body={"kind": "check_only"}),
    "patching:pick-window": Rule(reads=SIGNED_IN, body=SERVERS),
    "patching:enrol": Rule(writes=OWNERS, body={"window": "{other_window}", **SERVERS}),
    "patching:leave": Rule(writes=OWNERS, body=SERVERS),
    "patching:undo-enrol": Rule(),  # takes back what this session did: nothing yet
    "patching:skipped-starts": PAGE,
    "patching:pause": Rule(reads=ADMINS, writes=ADMINS, body=REASON),
    "patching:resume": Rule(writes=NOBODY),  # nothing is paused
    "exceptions:register": PAGE,
    "exceptions:register-csv": PAGE,
    "exceptions:inbox": PAGE,
    "exceptions:ask": Rule(
        reads=SIGNED_IN,
        writes=OWNERS,
        body={
            "from_date": "{today}",
            "to_date": "{today}",
            "time_zone": "Europe/Berlin",
            "category": "audit",
            "reason": "Because of the attack, at length.",
            **SERVERS,
        },
    ),
    "exceptions:case": Rule(reads=PAYMENTS, rows=("exception",)),
    "exceptions:decide": Rule(
        writes=frozenset({"bo"}), rows=("exception",), body=REASON | {"act": "approve"}
    ),
    "inventory:accounts": Rule(reads=ADMINS),
    "inventory:account-new": Rule(reads=ADMINS, writes=ADMINS, body=ACCOUNT | {"account_id": "999988887777"}),
    "inventory:account": Rule(reads=ADMINS, writes=ADMINS, rows=("account",), body=ACCOUNT),
    "inventory:account-check": Rule(reads=ADMINS, rows=("account",)),
    "inventory:account-role": Rule(reads=ADMINS, rows=("account",)),
    "inventory:account-role-template": Rule(reads=ADMINS, rows=("account", "may")),
    "inventory:coverage": PAGE,
    "inventory:coverage-csv": PAGE,
    "people:list": Rule(reads=ADMINS),
    "people:new": Rule(
        reads=ADMINS, writes=ADMINS, body={"name": "Dora", "username": "dora", "email": "dora@example.com"}
    ),
    "people:person": Rule(reads=ADMINS, rows=("person",)),
    "people:change": Rule(
        reads=ADMINS,
        writes=ADMINS,
        rows=("person",),
        body={"name": "Victor", "email": "taken-over@example.com"},
    ),
    "people:grant": Rule(
        writes=ADMINS, rows=("person",), body={"role": "admin", "dimension": "everything", "value": ""}
    ),
    "people:revoke": Rule(writes=ADMINS, rows=("person", "grant")),
    "people:agree": Rule(writes=ADMINS, rows=("person", "waiting_grant")),
    "people:decline": Rule(writes=ADMINS, rows=("person", "waiting_grant")),
    "people:hand-over": Rule(rows=("person",), body={"to": "{asset}"}),  # the victim has nothing open
    "people:active": Rule(writes=ADMINS, rows=("person",), body={"active": "0"}),
    "people:second-factor-reset": Rule(writes=ADMINS, rows=("person",)),
    "people:password": Rule(writes=ADMINS, rows=("person",)),
    "audit:events": Rule(reads=READERS),
    "audit:events-csv": Rule(reads=READERS),
    "notify:list": PAGE,
    "notify:read": Rule(writes=frozenset({"ana", "bo"})),  # they have some
}


def addresses(resolver: URLResolver | None = None, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(name with its namespace, pattern) of every address of the site."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, entry.namespace or space)
        else:
            yield f"{space}:{entry.name}" if space else str(entry.name), entry


def gaps() -> list[str]:
    """A sentence for each address without a rule and for each rule without an address."""
    found = {name for name, _ in addresses()}
    unruled = [
        f"The address {name} has no rule: say in tests/attack/rules.py who may use it."
        for name in found - RULES.keys()
    ]
    stale = [
        f"No address is called {name} any more: delete its rule in tests/attack/rules.py."
        for name in RULES.keys() - found
    ]
    return sorted(unruled + stale)


def main() -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    print("\n".join(gaps()) or f"{len(RULES)} addresses, each with its rule.")
    return 1 if gaps() else 0


if __name__ == "__main__":
    sys.exit(main())
