"""Tokens: never more than their person, never longer than they should, known to nobody but who was told."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from portal.access.models import Grant, User
from portal.access.queries import has_role
from portal.access.rules import Conflict, Denied, Invalid, check_role
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.inventory.ownership import check_owned
from portal.people.operations.people import set_active
from portal.tokens import operations, secret
from portal.tokens.models import Token
from portal.tokens.operations import Wish
from portal.tokens.rules import MOST_OPEN
from tests import cast

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 12, 5, 20, 0, tzinfo=UTC)
HERE = "192.0.2.7"
DAY = timedelta(days=1)
ROOT = Path(__file__).resolve().parents[4]


def a_token(person: User, **facts: object) -> tuple[Token, str]:
    wish = {"name": "nightly", "days": 10, "may_act": False} | facts
    return operations.make(Wish(**wish), by=person, now=NOW)  # type: ignore[arg-type]


def is_known(text: str, *, at: datetime = NOW, source: str = HERE) -> bool:
    try:
        operations.recognised(text, source=source, now=at)
    except Denied:
        return False
    return True


def test_only_its_hash_is_stored() -> None:
    _, text = a_token(cast.ana())
    stored = str(Token.objects.values()) + str(AuditEvent.objects.values())
    assert text not in stored
    assert is_known(text)


def test_what_merely_looks_like_one_is_told_apart() -> None:
    text = secret.new()
    other = "0" if text[10] != "0" else "1"
    assert secret.is_one(text)
    assert not secret.is_one(text[:10] + other + text[11:])
    assert not secret.is_one(text + "\n")


def test_it_ends_by_itself() -> None:
    token, text = a_token(cast.ana())
    assert is_known(text, at=token.ends_at - timedelta(seconds=1))
    assert not is_known(text, at=token.ends_at)


def test_it_ends_with_its_person() -> None:
    ana = cast.ana()
    _, text = a_token(ana)
    set_active(person=ana, active=False, by=cast.ada(), now=NOW)
    set_active(person=ana, active=True, by=cast.ada(), now=NOW)
    assert not is_known(text), "let in again, a person makes new tokens"
    assert AuditEvent.objects.filter(kind="token.ended", summary__contains="shut out").count() == 1


def test_nobody_speaks_for_who_is_shut_out_by_another_way() -> None:
    ana = cast.ana()
    _, text = a_token(ana)
    User.objects.filter(pk=ana.pk).update(is_active=False)
    assert not is_known(text)


def test_it_has_the_one_right_that_it_was_made_with_as_long_as_its_person() -> None:
    ana = cast.ana()
    own = ana.grants.get()
    Grant.objects.create(user=ana, role=Role.ADMIN, dimension=Dimension.EVERYTHING, value="")
    _, text = a_token(ana, right=own)
    speaker = operations.recognised(text, source=HERE, now=NOW).person
    assert has_role(speaker, Role.OWNER)
    assert not has_role(speaker, Role.ADMIN)
    with pytest.raises(Denied, match="patch admin"):
        check_role(speaker, Role.ADMIN)
    own.delete()
    assert not has_role(operations.recognised(text, source=HERE, now=NOW).person, *Role)


def test_its_acts_go_no_further_than_its_right() -> None:
    """The three rules about servers, which read rights anew at the moment of the act."""
    ana, foreign = cast.ana(), cast.an_asset(application="intranet")
    Grant.objects.create(user=ana, role=Role.OWNER, dimension=Dimension.APPLICATION, value="intranet")
    Grant.objects.create(user=ana, role=Role.APPROVER, dimension=Dimension.EVERYTHING, value="")
    _, text = a_token(ana, right=ana.grants.get(value="payments"), may_act=True)
    speaker = operations.recognised(text, source=HERE, now=NOW).person
    rows = Asset.objects.filter(pk=foreign.pk)
    check_owned(rows, by=ana)
    with pytest.raises(Denied):
        check_owned(rows, by=speaker)
    assert ana.grants_now(Role.APPROVER).exists()
    assert not speaker.grants_now(Role.APPROVER).exists()


def test_nothing_in_the_product_asks_past_a_token() -> None:
    past = re.compile(r"\.grants\.(filter|exclude|get)\(|Grant\.objects\.filter\(user=(by|user)\b")
    files = [
        path for app in ("portal", "exceptions", "patching", "reports") for path in (ROOT / app).rglob("*.py")
    ]
    assert len(files) > 200, "the walk has lost its way"
    assert [str(path) for path in files if past.search(path.read_text())] == []


def test_a_right_of_somebody_else_is_not_to_be_had() -> None:
    with pytest.raises(Denied, match="not yours"):
        a_token(cast.ana(), right=cast.bo().grants.get())


def test_it_counts_from_its_networks_alone() -> None:
    _, text = a_token(cast.ana(), networks="192.0.2.0/24, 2001:db8::/32")
    assert is_known(text, source="192.0.2.99")
    assert is_known(text, source="2001:db8::1")
    assert not is_known(text, source="198.51.100.1")
    assert not is_known(text, source="unknown")


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"networks": "192.0.2.1/24"}, "networks"), ({"networks": "office"}, "networks"), ({"days": 366}, "days"),
     ({"days": 0}, "days")],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_told_by_its_field(facts: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        a_token(cast.ana(), **facts)
    assert caught.value.field == field


def test_one_in_the_place_of_another_overlaps_it_for_a_day() -> None:
    ana = cast.ana()
    old, text = a_token(ana, networks="192.0.2.0/24")
    new, new_text = operations.rotate(token=old, by=ana, now=NOW + DAY)
    assert (new.ends_at, new.networks) == (NOW + 11 * DAY, old.networks)
    assert is_known(text, at=NOW + 2 * DAY - timedelta(seconds=1))
    assert not is_known(text, at=NOW + 2 * DAY)
    assert is_known(new_text, at=NOW + 2 * DAY)
    with pytest.raises(Denied, match="replaced already"):
        operations.rotate(token=old, by=ana, now=NOW + DAY)


def test_its_last_use_is_noted_to_the_minute() -> None:
    token, text = a_token(cast.ana())
    for seconds, source, noted in ((0, HERE, 0), (59, HERE, 0), (60, HERE, 60), (61, "192.0.2.8", 61)):
        operations.recognised(text, source=source, now=NOW + timedelta(seconds=seconds))
        token.refresh_from_db()
        assert (token.used_at, token.used_from) == (NOW + timedelta(seconds=noted), source)


def test_nobody_has_more_than_the_limit() -> None:
    ana = cast.ana()
    made = [a_token(ana)[0] for _ in range(MOST_OPEN)]
    with pytest.raises(Denied, match="nobody may have more"):
        a_token(ana)
    operations.end(token=made[0], by=ana, now=NOW)
    a_token(ana)
    with pytest.raises(Conflict, match="ended at"):
        operations.end(token=made[0], by=ana, now=NOW)
    with pytest.raises(Denied, match="somebody else's"):
        operations.end(token=made[1], by=cast.bo(), now=NOW)


def test_the_page_tells_a_new_token_once(client: Client) -> None:
    client.force_login(cast.ana())
    client.get("/tokens/")
    _prove(client)
    answer = client.post("/tokens/new/", {"name": "nightly", "days": "30", "right": "", "may_act": "1"})
    text = answer.context["text"]
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert text not in client.get("/tokens/").content.decode()
    assert Token.objects.get().may_act


def _prove(client: Client) -> None:
    from portal.reauthentication.proof import PROVEN_AT

    session = client.session
    session[PROVEN_AT] = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
    session.save()
