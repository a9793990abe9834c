"""Second factors: set up and taken away by the person, reset by an admin; each change audited, and the person told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.db import transaction

from portal.access.models import User
from portal.access.rules import Conflict, Denied, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import record
from portal.notify.operations import notify
from portal.second_factor.codes import fingerprint, new_recovery_codes, step_of
from portal.second_factor.queries import Kind, demanding_roles, factor_words, factors_of
from portal.sign_in.operations import person_entry
from portal.sign_in.sealed import Unreadable, seal, unseal
from portal.sign_in.sessions import end_all

MOST_PASSKEYS = 10
WRONG = "This code is wrong, or it was used already. Wait for the app's next one."
SECOND_APP = "You have an authenticator app already. Remove it first."
TOO_MANY_PASSKEYS = f"You have {MOST_PASSKEYS} passkeys, which is the most. Remove one first."
LAST_ONE = "Your role {roles} demands a second factor, and this is the only one. Add another first."
NONE_YET = "Recovery codes stand in for a second factor, and you have none yet. Set one up first."


@transaction.atomic
def add_app(*, person: User, secret: str, code: str, now: datetime) -> list[str]:
    """The app that makes codes of the secret; returns recovery codes to show once where these are the first."""
    _lock(person)
    step = step_of(secret, code, now=now)
    if step is None:
        raise Invalid(WRONG, field="code")
    if factors_of(person).filter(type=Kind.TOTP).exists():
        raise Conflict(SECOND_APP)
    data = {"secret": seal(secret), "last_step": step}
    return _added(Authenticator.objects.create(user=person, type=Kind.TOTP, data=data), now=now)


@transaction.atomic
def add_passkey(*, person: User, name: str, credential: dict[str, Any], now: datetime) -> list[str]:
    """A passkey whose registration was checked; returns recovery codes as `add_app` does."""
    _lock(person)
    if factors_of(person).filter(type=Kind.WEBAUTHN).count() >= MOST_PASSKEYS:
        raise Conflict(TOO_MANY_PASSKEYS)
    return _added(WebAuthn.add(person, name, credential).instance, now=now)


@transaction.atomic
def remove(*, factor: Authenticator, now: datetime) -> None:
    """Takes one's own away. Raises Denied for the last one where a role demands one."""
    person: User = factor.user
    _lock(person)
    others = factors_of(person).exclude(pk=factor.pk).exists()
    if not others and (roles := demanding_roles(person)):
        raise Denied(LAST_ONE.format(roles=" and ".join(roles)))
    gone, _ = factors_of(person).filter(pk=factor.pk).delete()
    if not gone:
        raise Conflict("It was removed already.")
    if not others:
        Authenticator.objects.filter(user=person).delete()
    words = factor_words(factor)
    record(
        person_entry("second_factor_removed", person, f"{person.display_name} removed their {words}"),
        by=person,
    )
    notify("person.second_factor_removed", person, said=f"Your {words} no longer proves that it is you.")


@transaction.atomic
def renew_codes(*, person: User, now: datetime) -> list[str]:
    """New recovery codes, to be shown once; the old ones end."""
    _lock(person)
    if not factors_of(person).exists():
        raise Denied(NONE_YET)
    codes = _store_codes(person)
    record(
        person_entry("second_factor_codes", person, f"{person.display_name} made new recovery codes"),
        by=person,
    )
    notify(
        "person.second_factor_codes", person, said="New recovery codes were made for you; the old ones ended."
    )
    return codes


@transaction.atomic
def reset(*, person: User, by: User, now: datetime) -> None:
    """Takes all of them away, of a person who lost theirs, and ends their sessions."""
    check_role(by, Role.ADMIN)
    if not forget_all(person):
        raise Conflict(f"{person.display_name} has no second factor.")
    end_all(person, by=by, why="their second factor was reset")
    record(
        person_entry("second_factor_reset", person, f"Reset the second factor of {person.display_name}"),
        by=by,
    )
    notify("person.second_factor_reset", person, said=f"{by.display_name} reset your second factor.")


def forget_all(person: User) -> bool:
    """Whether there was one. Within the transaction of what asks for it, which says so in the audit trail."""
    gone, _ = Authenticator.objects.filter(user=person).delete()
    return bool(gone)


@transaction.atomic
def accept(*, person: User, code: str, now: datetime) -> Authenticator | None:
    """The factor whose code it is, which is used up by this; None where it is nobody's."""
    rows = Authenticator.objects.select_for_update().filter(user=person)
    found: list[Authenticator] = list(rows.exclude(type=Kind.WEBAUTHN).order_by("pk"))
    for factor in found:
        if _uses_up(factor, code, now):
            factor.save(update_fields=["data"])
            return factor
    return None


def _uses_up(factor: Authenticator, code: str, now: datetime) -> bool:
    if factor.type == Kind.TOTP:
        step = _step(factor, code, now)
        if step is None or step <= factor.data["last_step"]:
            return False
        factor.data["last_step"] = step
    else:
        mark = fingerprint(code)
        if mark not in factor.data["codes"]:
            return False
        factor.data["codes"].remove(mark)
    return True


def _step(factor: Authenticator, code: str, now: datetime) -> int | None:
    try:
        return step_of(unseal(factor.data["secret"]), code, now=now)
    except (
        Unreadable
    ):  # SECRET_KEY was changed and its predecessor forgotten: only recovery codes and admins help
        return None


def _added(factor: Authenticator, *, now: datetime) -> list[str]:
    person: User = factor.user
    words = factor_words(factor)
    record(
        person_entry("second_factor_added", person, f"{person.display_name} set up their {words}"), by=person
    )
    notify("person.second_factor_added", person, said=f"Your {words} now proves that it is you.")
    has_codes = Authenticator.objects.filter(user=person, type=Kind.RECOVERY_CODES).exists()
    return [] if has_codes else _store_codes(person)


def _store_codes(person: User) -> list[str]:
    codes = new_recovery_codes()
    data = {"codes": [fingerprint(code) for code in codes]}
    Authenticator.objects.update_or_create(user=person, type=Kind.RECOVERY_CODES, defaults={"data": data})
    return codes


def _lock(person: User) -> None:
    """Two browsers of one person wait for each other."""
    User.objects.select_for_update().get(pk=person.pk)
