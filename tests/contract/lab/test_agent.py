"""What the agent does with a document on the host (facts/lab.md §3)."""

from __future__ import annotations

import time

from tests.contract.lab.fleet import OUT, PORTAL, Aws, document, eventually

BUCKET = "patch-portal-results"


def objects(aws: Aws, prefix: str) -> dict[str, bytes]:
    found = aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {one["Key"]: aws.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}


def test_output_is_cut_at_24000_8000_and_2500_and_whole_in_s3(aws: Aws) -> None:
    script = "i=0; while [ $i -lt 6000 ]; do echo 123456789; echo abcdefghi >&2; i=$((i+1)); done"
    command_id = aws.send(
        aws.ids("web-01"), script, OutputS3BucketName=BUCKET, OutputS3KeyPrefix=f"{OUT}/runs/7"
    )
    listed = aws.ended(command_id)[aws.id("web-01")]["CommandPlugins"][0]["Output"]
    assert len(listed) == 2_500
    assert listed.startswith("123456789\n")
    assert listed.endswith("--output truncated--")
    one = aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=aws.id("web-01"))
    assert len(one["StandardOutputContent"]) == 24_000
    assert len(one["StandardErrorContent"]) == 8_000
    assert one["StandardOutputContent"].endswith("--output truncated--")
    base = f"{OUT}/runs/7/{command_id}/{aws.id('web-01')}/awsrunShellScript/step1"
    stored = objects(aws, f"{OUT}/runs/7/")
    assert set(stored) == {f"{base}/stdout", f"{base}/stderr"}
    assert stored[f"{base}/stdout"] == b"123456789\n" * 6000


def test_listed_output_shows_stderr_below_a_rule(aws: Aws) -> None:
    command_id = aws.send(aws.ids("web-01"), "echo out; echo err >&2")
    output = aws.ended(command_id)[aws.id("web-01")]["CommandPlugins"][0]["Output"]
    assert output == "out\n\n----------ERROR-------\nerr\n"


def test_limits_count_bytes(aws: Aws) -> None:
    found = aws.run("web-01", "i=0; while [ $i -lt 13000 ]; do printf ü; i=$((i+1)); done")
    text = found["StandardOutputContent"].removesuffix("--output truncated--")
    assert len(text.encode()) in range(23_978, 23_984)


def test_other_accounts_write_to_the_bucket_and_denied_hosts_do_not(aws: Aws) -> None:
    where = {"OutputS3BucketName": BUCKET, "OutputS3KeyPrefix": f"{OUT}/denied"}
    aws.fault("web-02", "results_denied")
    command_id = aws.send(aws.ids("web-01", "web-02"), "echo x", **where)
    rows = aws.ended(command_id)
    assert {row["Status"] for row in rows.values()} == {"Success"}
    assert [key.split("/")[4] for key in objects(aws, f"{OUT}/denied/")] == aws.ids("web-01")


def test_194_reboots_and_runs_the_same_step_again_with_output_appended(aws: Aws) -> None:
    script = """
        cat "$PATCH_PORTAL_ROOT/proc/sys/kernel/random/boot_id"
        rm -rf "$PATCH_PORTAL_ROOT/boot/grub" "$PATCH_PORTAL_ROOT/boot/grub2" "$PATCH_PORTAL_ROOT/boot/loader"
        : >"$PATCH_PORTAL_ROOT/boot/vmlinuz-9.9.9"; echo 9.9.9 >"$PATCH_PORTAL_ROOT/lab/kernel_newest"
        uname -r; : >"$PATCH_PORTAL_ROOT/run/flag"
        [ -e "$PATCH_PORTAL_ROOT/again" ] && exit 0
        : >"$PATCH_PORTAL_ROOT/again"; exit 194
    """
    aws.server.control("/lab/time-scale", {"scale": 60})
    aws.keep_down("web-02")
    command_id = aws.send(
        aws.ids("web-02"), script, OutputS3BucketName=BUCKET, OutputS3KeyPrefix=f"{OUT}/reboot"
    )
    eventually(lambda: aws.ping("web-02") == "ConnectionLost")
    assert aws.state("web-02") == "running"
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"
    aws.let_up("web-02")
    row = aws.ended(command_id)[aws.id("web-02")]
    first_boot, old, second_boot, new = row["CommandPlugins"][0]["Output"].split()
    assert first_boot != second_boot
    assert old != new == "9.9.9"
    assert row["Status"] == "Success"
    assert next(iter(objects(aws, f"{OUT}/reboot/").values())).count(b"\n") == 4
    assert aws.ping("web-02") == "Online"


def test_run_is_empty_after_a_reboot(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 200})
    root = "$PATCH_PORTAL_ROOT"
    script = f"ls {root}/run; [ -e {root}/once ] && exit 0; : >{root}/once; : >{root}/run/flag; exit 194"
    assert aws.run("web-03", script)["StandardOutputContent"] == ""


def test_a_lost_reboot_leaves_the_host_silent(aws: Aws) -> None:
    aws.fault("web-04", "reboot_lost")
    name = aws.publish("exit 194", timeoutSeconds="100")
    command_id = aws.send(aws.ids("web-04"), DocumentName=name, TimeoutSeconds=30)
    row = aws.ended(command_id)[aws.id("web-04")]
    assert row["StatusDetails"] == "DeliveryTimedOut"
    assert aws.ping("web-04") == "ConnectionLost"
    aws.fault("web-04", "reboot_lost", on=False)
    eventually(lambda: aws.ping("web-04") == "Online")


def test_endless_reboots_end(aws: Aws) -> None:
    """The agent drops the document after 15 starts; the command waits for an answer until its expiry."""
    aws.server.control("/lab/time-scale", {"scale": 2000})
    name = aws.publish('echo x >>"$PATCH_PORTAL_ROOT/runs"; exit 194', timeoutSeconds="172800")
    command_id = aws.send(aws.ids("web-01"), DocumentName=name, TimeoutSeconds=30)
    runs = aws.server.world.state / "hosts" / PORTAL / aws.id("web-01") / "runs"
    eventually(lambda: runs.exists() and len(runs.read_text().split()) >= 15, 60)
    time.sleep(0.5)  # a dozen of reboots of this clock
    assert len(runs.read_text().split()) == 15
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"


def test_environment_is_the_agents_and_nothing_else(aws: Aws) -> None:
    found = aws.run("web-01", "env | cut -d= -f1 | sort | tr '\\n' ' '")
    names = set(found["StandardOutputContent"].split()) - {"PWD", "OLDPWD", "_", "SHLVL"}
    assert names == {
        "AWS_SSM_INSTANCE_ID",
        "AWS_SSM_PLATFORM_NAME",
        "AWS_SSM_PLATFORM_VERSION",
        "AWS_SSM_REGION_NAME",
        "PATCH_PORTAL_ROOT",
        "PATH",
        "SSM_COMMAND_ID",
    }
    assert aws.run("web-01", "echo $AWS_SSM_INSTANCE_ID")["StandardOutputContent"].strip() == aws.id("web-01")


def test_a_background_child_that_holds_stdout_holds_the_step(aws: Aws) -> None:
    name = aws.publish("sleep 5 & exit 0", timeoutSeconds="20")
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    assert row["StatusDetails"] == "ExecutionTimedOut"
    assert aws.run("web-01", "sleep 5 >/dev/null 2>&1 & exit 0")["Status"] == "Success"


def test_parameters_are_pasted_as_text(aws: Aws) -> None:
    parameters = {
        "One": {"type": "String", "default": "d"},
        "Many": {"type": "StringList", "default": ["a", "b c"]},
    }
    name = aws.publish("echo {{ One }} {{Many}} '{{ Other }}'", parameters=parameters)
    command_id = aws.send(aws.ids("web-01"), DocumentName=name, parameters={"One": ["$(echo ran)"]})
    output = aws.ended(command_id)[aws.id("web-01")]["CommandPlugins"][0]["Output"]
    assert output == "ran [a,b c] {{ Other }}\n"  # the shell takes the quotes of the JSON list


def test_a_shebang_is_honoured(aws: Aws) -> None:
    assert aws.run("web-01", "#!/bin/cat\nhello")["StandardOutputContent"] == "#!/bin/cat\nhello"


def test_stopping_a_host_kills_its_scripts_and_starting_it_resumes(aws: Aws) -> None:
    root = "$PATCH_PORTAL_ROOT"
    script = (
        f"[ -e {root}/stopped-once ] && echo resumed && exit 0; : >{root}/stopped-once; echo begun; sleep 60"
    )
    command_id = aws.send(aws.ids("web-03"), script, TimeoutSeconds=600)
    eventually(lambda: aws.invocations(command_id)[0]["Status"] == "InProgress")
    time.sleep(0.3)  # the script itself begins a moment later
    aws.ec2.stop_instances(InstanceIds=aws.ids("web-03"))
    eventually(lambda: aws.state("web-03") == "stopped")
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"
    aws.ec2.start_instances(InstanceIds=aws.ids("web-03"))
    assert "resumed" in aws.ended(command_id)[aws.id("web-03")]["CommandPlugins"][0]["Output"]


def test_windows_runs_the_powershell_step_with_a_stored_word(aws: Aws) -> None:
    name = aws.publish_text(document("Get-Date", action="aws:runPowerShellScript"), "Win-Doc")
    row = aws.ended(aws.send(aws.ids("win"), DocumentName=name))[aws.id("win")]
    assert row["Status"] == "Failed"
    assert row["CommandPlugins"][0]["Output"].startswith("scenario: windows answers are scripted\n")
