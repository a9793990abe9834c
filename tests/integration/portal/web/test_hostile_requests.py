"""What no browser sends: answered with a sentence, never with an error of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import cast

pytestmark = pytest.mark.django_db
NUL = "a\x00b"


@pytest.fixture
def admin() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(cast.ada())
    return client


def sentence(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_nul_in_a_parameter_is_named(admin: Client) -> None:
    for address in ("/", "/search/", "/runs/", "/audit/", "/coverage/"):
        answer = admin.get(address, {"q": NUL})
        assert answer.status_code == 400, address
        assert "The field &#x27;q&#x27; holds a NUL character." in sentence(answer)


def test_nul_in_a_form_is_named_and_nothing_is_written(admin: Client) -> None:
    answer = admin.post("/people/new/", {"name": NUL, "username": "dora", "email": "dora@example.com"})
    assert answer.status_code == 400
    assert "The field &#x27;name&#x27; holds a NUL character." in sentence(answer)
    assert "dora" not in sentence(admin.get("/people/"))


def test_nul_in_an_address_or_a_cookie_is_refused(admin: Client) -> None:
    assert admin.get("/windows/a%00b/").status_code == 400
    for name in ("theme", "sessionid", "messages"):
        answer = Client().get("/", headers={"Cookie": f'{name}="\\000abcdefgh"'})
        assert (answer.status_code, name) == (400, name)


def test_a_fragment_gets_the_sentence_as_a_toast(admin: Client) -> None:
    answer = admin.get("/", {"q": NUL}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Retarget"]) == (400, "#toasts")


@pytest.mark.parametrize("fragment", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_a_wrong_host_is_refused_with_a_sentence(admin: Client, fragment: dict[str, str]) -> None:
    answer = admin.get("/", headers={"Host": "evil.example", **fragment})
    assert answer.status_code == 400
    assert "The portal does not answer under this name." in sentence(answer)
    assert "evil.example" not in sentence(answer)


def test_a_form_of_too_many_fields_is_refused_in_the_readers_words(admin: Client) -> None:
    answer = admin.post("/servers/act/", {"ids": [str(number) for number in range(1_200)]})
    assert answer.status_code == 400
    assert "The form holds more than the portal takes at once." in sentence(answer)
    assert "settings" not in sentence(answer)
