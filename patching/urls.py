"""Addresses of patching."""

from __future__ import annotations

from django.urls import path

from patching.views import (
    audits,
    check,
    control,
    enrolment,
    plan,
    power_and_snapshots,
    recurring,
    run,
    sending,
    skipped,
    tonight,
    windows,
)

app_name = "patching"
urlpatterns = [
    path("tonight/", tonight.tonight, name="tonight"),
    path("runs/", tonight.runs, name="runs"),
    path("runs/<int:pk>/", run.run, name="run"),
    path("runs/<int:pk>/live/", run.run_live, name="run-live"),
    path("runs/<int:pk>/power/", power_and_snapshots.run_power_and_snapshots, name="run-power-and-snapshots"),
    path("runs/<int:pk>/halt/", run.halt, name="halt"),
    path("runs/<int:pk>/cancel/", run.cancel, name="cancel"),
    path("runs/<int:pk>/retry/", control.retry, name="retry"),
    path("runs/<int:pk>/skip/", control.skip, name="skip"),
    path("runs/<int:pk>/extend/", control.extend, name="extend"),
    path("servers/<int:pk>/power/", power_and_snapshots.power_and_snapshots, name="power-and-snapshots"),
    path("servers/<int:pk>/check/", check.check_again, name="check-again"),
    path("servers/<int:pk>/keep-running/", power_and_snapshots.keep_running, name="keep-running"),
    path("snapshots/<uuid:pk>/restore/", power_and_snapshots.restore, name="restore"),
    path("audits/", audits.audits, name="audits"),
    path("audits/now/", audits.audit_now, name="audit-now"),
    path("recurring-faults/", recurring.recurring, name="recurring"),
    path("recurring-faults.csv", recurring.recurring_csv, name="recurring-csv"),
    path("recurring-faults/<int:pk>/", recurring.recurring_decide, name="recurring-decide"),
    path("recurring-faults/<int:pk>/reopen/", recurring.recurring_reopen, name="recurring-reopen"),
    path("windows/", windows.windows, name="windows"),
    path("windows/new/", windows.window_new, name="window-new"),
    path("windows/<slug:slug>/", windows.window, name="window"),
    path("windows/<slug:slug>/edit/", windows.window_edit, name="window-edit"),
    path("windows/<slug:slug>/retire/", windows.window_retire, name="window-retire"),
    path("windows/<slug:slug>/plan/", plan.plan, name="plan"),
    path("windows/<slug:slug>/start/", plan.start_now, name="start-now"),
    path("pick-window/", enrolment.pick_window, name="pick-window"),
    path("pick-window/enrol/", enrolment.enrol, name="enrol"),
    path("pick-window/leave/", enrolment.leave, name="leave"),
    path("pick-window/undo/", enrolment.undo_enrol, name="undo-enrol"),
    path("skipped-starts/", skipped.skipped, name="skipped-starts"),
    path("sending/pause/", sending.pause, name="pause"),
    path("sending/resume/", sending.resume, name="resume"),
]
