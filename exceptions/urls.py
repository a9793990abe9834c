"""Addresses of exceptions."""

from __future__ import annotations

from django.urls import path

from exceptions.views import asking, case, register

app_name = "exceptions"
urlpatterns = [
    path("", register.register, name="register"),
    path("register.csv", register.register_csv, name="register-csv"),
    path("inbox/", case.inbox, name="inbox"),
    path("ask/", asking.ask, name="ask"),
    path("<int:pk>/", case.case, name="case"),
    path("<int:pk>/decide/", case.decide, name="decide"),
]
