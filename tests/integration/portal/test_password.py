"""A forgotten password never ends in an error, whatever the mail server does."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from tests import cast

pytestmark = pytest.mark.django_db
RESET = "/accounts/password/reset/"


def test_without_a_mail_server_it_says_whom_to_ask(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    for answer in (client.get(RESET), client.post(RESET, {"email": cast.ana().email})):
        assert "Ask a patch admin" in answer.content.decode()
        assert "We send a link" not in answer.content.decode()
    assert not mail.outbox


def test_with_one_the_link_is_sent(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    assert client.post(RESET, {"email": cast.ana().email}).status_code == 302
    assert [message.to for message in mail.outbox] == [[cast.ana().email]]


def test_a_mail_server_that_refuses_is_told_in_a_sentence(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    answer = client.post(RESET, {"email": cast.ana().email})
    assert answer.status_code == 503
    assert "The mail server did not take the link" in answer.content.decode()
