"""Addresses of accounts and coverage."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.inventory.views.accounts import account, account_check, account_new, accounts
from portal.inventory.views.coverage import coverage, coverage_csv

app_name = "inventory"
urlpatterns: list[URLPattern] = [
    path("aws-accounts/", accounts, name="accounts"),
    path("aws-accounts/new/", account_new, name="account-new"),
    path("aws-accounts/<int:pk>/", account, name="account"),
    path("aws-accounts/<int:pk>/check/", account_check, name="account-check"),
    path("coverage/", coverage, name="coverage"),
    path("coverage/servers.csv", coverage_csv, name="coverage-csv"),
]
