"""Addresses of the reader's own notifications."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.notify.views import mark_all_read, notifications

app_name = "notify"
urlpatterns: list[URLPattern] = [
    path("", notifications, name="list"),
    path("read/", mark_all_read, name="read"),
]
