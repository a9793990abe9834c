"""The addresses of showing anew who sits there."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.reauthentication import views

urlpatterns: list[URLPattern] = [
    path("show-it-is-you/", views.reauthenticate, name="reauthenticate"),
    path("show-it-is-you/go-on/", views.reauthenticated, name="reauthenticated"),
]
