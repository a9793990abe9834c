"""Addresses of people and their grants."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.people import entrance, views

app_name = "people"
urlpatterns: list[URLPattern] = [
    path("", views.people, name="list"),
    path("new/", views.person_new, name="new"),
    path("first-admin/<str:token>/", entrance.first_admin, name="first-admin"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/change/", views.person_change, name="change"),
    path("<int:pk>/give/", views.person_grant, name="grant"),
    path("<int:pk>/take/<int:grant>/", views.person_revoke, name="revoke"),
    path("<int:pk>/waiting/<int:waiting>/agree/", views.person_agree, name="agree"),
    path("<int:pk>/waiting/<int:waiting>/decline/", views.person_decline, name="decline"),
    path("<int:pk>/hand-over/", views.person_hand_over, name="hand-over"),
    path("<int:pk>/active/", views.person_active, name="active"),
    path("<int:pk>/second-factor/reset/", views.person_second_factor, name="second-factor-reset"),
    path("<int:pk>/password/", views.person_password, name="password"),
]
