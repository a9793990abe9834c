"""Addresses of one's own tokens."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.tokens import views

app_name = "tokens"
urlpatterns: list[URLPattern] = [
    path("", views.tokens, name="list"),
    path("new/", views.token_new, name="new"),
    path("<int:pk>/replace/", views.token_rotate, name="rotate"),
    path("<int:pk>/end/", views.token_end, name="end"),
]
