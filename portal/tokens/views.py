"""Everybody's own tokens: a list, a new one, one in the place of another, and the end of each."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.access.queries import read_grants_once
from portal.access.rules import Denied
from portal.tokens import operations
from portal.tokens.forms import TokenForm
from portal.tokens.models import Token
from portal.tokens.rules import OVERLAP
from portal.tokens.words import token_words
from portal.web.forms import onto
from portal.web.requests import SignedIn


@require_GET
def tokens(request: SignedIn) -> HttpResponse:
    rows = operations.of(request.user, timezone.now())
    return render(request, "tokens/tokens.html", {"tokens": [(row, token_words(row)) for row in rows]})


@never_cache
@require_http_methods(["GET", "POST"])
def token_new(request: SignedIn) -> HttpResponse:
    """Makes a token; the answer shows it once, and it is kept nowhere."""
    read_grants_once(request.user)
    status, form = 200, TokenForm(request.user, request.POST or None)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made, text = operations.make(form.wish, by=request.user, now=timezone.now())
            except Denied as refusal:
                status = onto(form, refusal)
            else:
                return _told(request, made, text)
    return render(request, "tokens/token_new.html", {"form": form}, status=status)


@never_cache
@require_POST
def token_rotate(request: SignedIn, pk: int) -> HttpResponse:
    made, text = operations.rotate(token=_own(request, pk), by=request.user, now=timezone.now())
    return _told(request, made, text)


@require_POST
def token_end(request: SignedIn, pk: int) -> HttpResponse:
    token = _own(request, pk)
    operations.end(token=token, by=request.user, now=timezone.now())
    messages.success(request, f"The token {token.name} counts for nothing any more.")
    return redirect("tokens:list")


def _own(request: SignedIn, pk: int) -> Token:
    return get_object_or_404(Token, pk=pk, person=request.user)


def _told(request: SignedIn, made: Token, text: str) -> HttpResponse:
    context = {
        "token": made,
        "text": text,
        "words": token_words(made),
        "overlap_hours": round(OVERLAP.total_seconds() / 3600),
    }
    return render(request, "tokens/token_made.html", context)
