"""A host that lies about its neighbours or itself: what Systems Manager returned for a host counts, and no more."""

from __future__ import annotations

from patching.models import HostReport
from patching.states import Agreement, Phase, TargetState, Verdict
from tests.fake_reports import report_text
from tests.fakes import FakeHost
from tests.integration.patching.stage import Stage

T = TargetState


def patch_command(stage: Stage) -> str:
    return next(
        name for name, (command, _) in stage.cloud.commands.items() if "-Patch-" in command.document_name
    )


def under_way(stage: Stage) -> str:
    """The id of the patch command, of which nothing was read yet."""
    stage.until(
        lambda: any("-Patch-" in command.document_name for command, _ in stage.cloud.commands.values())
    )
    return patch_command(stage)


def output_of(stage: Stage, host: FakeHost, command_id: str, status: str) -> str:
    """What the host would print of this command with another outcome."""
    _, request = stage.cloud.commands[command_id]
    told, host.patch = host.patch, status
    text = report_text(host, request, command_id, "patch")
    host.patch = told
    return text


def key_of(stage: Stage, command_id: str, instance_id: str) -> str:
    return next(key for key in stage.cloud.stored if f"/{command_id}/{instance_id}/" in key)


def test_an_object_that_a_neighbour_wrote_over_is_not_believed(stage: Stage) -> None:
    failing, other = stage.cloud.add(1, patch="failed"), stage.cloud.add(2)
    run = stage.set()
    command_id = under_way(stage)
    instance_id = failing.instance.instance_id
    forged = output_of(stage, failing, command_id, "patched")
    stage.cloud.stored[key_of(stage, command_id, instance_id)] = forged.encode()
    stage.to_the_end()
    assert run.targets.get(asset__name="web-1").verdict == Verdict.FAILED
    assert HostReport.objects.get(target__asset__name="web-1", phase=Phase.PATCH).source == "invocation"
    assert run.targets.get(asset__name="web-2").verdict == Verdict.PATCHED
    assert other.executed


def test_an_object_that_sorts_before_the_true_one_takes_nothing_away(stage: Stage) -> None:
    host = stage.cloud.add(1)
    run = stage.set()
    command_id = under_way(stage)
    key = key_of(stage, command_id, host.instance.instance_id)
    stage.cloud.stored[key.replace("/awsrunShellScript/", "/AAA/")] = b"nothing of the kind"
    stage.to_the_end()
    assert (run.targets.get().verdict, run.targets.get().agreement) == (Verdict.PATCHED, Agreement.AGREES)


def test_a_success_of_last_week_is_not_one_of_tonight(stage: Stage) -> None:
    """Its line names another dispatch: the host is looked at instead, and the look finds what is still open."""
    host = stage.cloud.add(1, patch="failed")
    run = stage.set()
    command_id = under_way(stage)
    dispatch = str(run.dispatches.get(phase=Phase.PATCH).pk)
    old = output_of(stage, host, command_id, "patched").replace(
        dispatch, "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"
    )
    stage.cloud.printed[command_id, host.instance.instance_id] = old
    stage.cloud.stored[key_of(stage, command_id, host.instance.instance_id)] = old.encode()
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.FAILED
    assert run.dispatches.filter(phase=Phase.VERIFY).count() == 1
    assert stage.tag(1, "LastPatched") is None


def test_a_pre_checks_line_is_no_answer_to_a_patch(stage: Stage) -> None:
    host = stage.cloud.add(1, patch="failed")
    run = stage.set()
    command_id = under_way(stage)
    _, request = stage.cloud.commands[command_id]
    lie = report_text(host, request, command_id, "precheck")
    stage.cloud.printed[command_id, host.instance.instance_id] = lie
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.FAILED
    assert run.dispatches.filter(phase=Phase.VERIFY).count() == 1


def test_a_report_of_another_instance_is_not_this_ones(stage: Stage) -> None:
    first, second = stage.cloud.add(1, patch="failed"), stage.cloud.add(2)
    run = stage.set()
    command_id = under_way(stage)
    lie = output_of(stage, second, command_id, "patched")
    stage.cloud.printed[command_id, first.instance.instance_id] = lie
    stage.cloud.stored[key_of(stage, command_id, first.instance.instance_id)] = lie.encode()
    stage.to_the_end()
    # its own line is all that Systems Manager vouches for, and that says patched: no report stands behind it
    target = run.targets.get(asset__name="web-1")
    assert not HostReport.objects.filter(
        target=target, phase=Phase.PATCH, source__in=["s3", "invocation"]
    ).exists()


def test_more_output_than_a_worker_should_read_is_read_from_its_end(stage: Stage) -> None:
    host = stage.cloud.add(1)
    run = stage.set()
    command_id = under_way(stage)
    key = key_of(stage, command_id, host.instance.instance_id)
    stage.cloud.stored[key] = b"x" * 2_000_000 + b"\n" + stage.cloud.stored[key]
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert HostReport.objects.get(phase=Phase.PATCH).source == "s3"
