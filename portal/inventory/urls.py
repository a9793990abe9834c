"""Addresses of accounts, coverage, people, audit and notifications."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.audit.views import audit, audit_csv
from portal.inventory.views.accounts import account, account_check, account_new, accounts
from portal.inventory.views.coverage import coverage, coverage_csv
from portal.notify.views import mark_all_read, notifications
from portal.sign_in import views as people

app_name = "inventory"
urlpatterns: list[URLPattern] = [
    path("aws-accounts/", accounts, name="accounts"),
    path("aws-accounts/new/", account_new, name="account-new"),
    path("aws-accounts/<int:pk>/", account, name="account"),
    path("aws-accounts/<int:pk>/check/", account_check, name="account-check"),
    path("coverage/", coverage, name="coverage"),
    path("coverage/servers.csv", coverage_csv, name="coverage-csv"),
    path("people/", people.people, name="people"),
    path("people/new/", people.person_new, name="person-new"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/change/", people.person_change, name="person-change"),
    path("people/<int:pk>/give/", people.person_give, name="person-give"),
    path("people/<int:pk>/take/<int:grant>/", people.person_take, name="person-take"),
    path("people/<int:pk>/active/", people.person_active, name="person-active"),
    path("people/<int:pk>/password/", people.person_password, name="person-password"),
    path("audit/", audit, name="audit"),
    path("audit/events.csv", audit_csv, name="audit-csv"),
    path("notifications/", notifications, name="notifications"),
    path("notifications/read/", mark_all_read, name="notifications-read"),
]
