"""A sample of `script/attack`: the whole matrix, some nonsense by a fixed and a fresh seed, and a few liars."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path

from portal.access.models import User
from portal.urls import urlpatterns as ours
from tests.attack import forgeries, fuzz, matrix, rules
from tests.attack.judge import Attempt, Judge, Verdicts
from tests.attack.rules import ADMINS, RULES, Rule
from tests.attack.world import HOSTILE, INTRANET, World
from tests.fresh import seed as fresh_seed

pytestmark = pytest.mark.django_db
FIXED_SEED, NONSENSE, LIARS = 7, 300, 4


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    """Nothing listens there, so a page that asks AWS gets a refusal at once; passwords are hashed in no time."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture
def judge(db: None, quick: None) -> Judge:
    return Judge(World())


def test_every_address_has_a_rule() -> None:
    assert rules.gaps() == []


def test_the_matrix_of_addresses_methods_and_people(judge: Judge) -> None:
    matrix.play(judge, methods=("GET", "POST"))  # script/attack plays the other six
    assert judge.verdicts.wrong == []


@pytest.mark.parametrize("fresh", [False, True], ids=["fixed", "fresh"])
def test_nonsense(judge: Judge, fresh: bool) -> None:
    seed = fresh_seed() if fresh else FIXED_SEED
    print(f"again: script/attack --seed {seed}")
    fuzz.Fuzzer(judge, seed).play(NONSENSE)
    assert judge.verdicts.wrong == []


def test_liars_are_not_believed() -> None:
    verdicts = Verdicts()
    assert forgeries.play(verdicts, range(LIARS)) > 4 * LIARS
    assert verdicts.wrong == []


# What the attack must see, shown by pages that are broken on purpose.


def _errs(request: object) -> HttpResponse:
    raise RuntimeError("on purpose")


def _shows_all(request: object) -> HttpResponse:
    return HttpResponse(f"{INTRANET} {HOSTILE}")


def _writes(request: object) -> HttpResponse:
    User.objects.create(username="planted")
    return HttpResponse("written")


urlpatterns = [*ours, path("errs/", _errs, name="errs"), path("all/", _shows_all, name="all"),
               path("writes/", _writes, name="writes")]  # fmt: skip


@pytest.fixture
def broken(settings: object) -> None:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]


@pytest.mark.usefixtures("broken")
def test_an_error_a_foreign_row_and_markup_are_seen(judge: Judge) -> None:
    judge.send(Attempt("ana", "GET", "/errs/"))
    judge.send(Attempt("ana", "GET", "/all/"))
    assert set(judge.verdicts.kinds) == {"5xx", "foreign row", "markup"}


@pytest.mark.usefixtures("broken")
def test_a_write_by_the_wrong_person_is_seen_and_undone(judge: Judge) -> None:
    matrix.check(judge, "writes", Rule(reads=ADMINS, writes=ADMINS), Attempt("ana", "POST", "/writes/"))
    assert judge.verdicts.kinds == {"unauthorised write": 1}
    assert not User.objects.filter(username="planted").exists()


@pytest.mark.usefixtures("broken")
def test_an_address_without_a_rule_is_named() -> None:
    assert "The address all has no rule: say in tests/attack/rules.py who may use it." in rules.gaps()


def test_a_rule_without_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "gone", Rule())
    assert rules.gaps() == ["No address is called gone any more: delete its rule in tests/attack/rules.py."]
