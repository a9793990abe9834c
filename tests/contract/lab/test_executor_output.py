"""Golden facts 9, 10 and 12 of the agent (facts/lab.md §3): what is kept of the output, and where."""

from __future__ import annotations

import time
from typing import Any

from lab.ssm.commands import StepResult
from lab.ssm.output import answered, complained, cut
from tests.contract.lab.fleet import OUT, Aws, eventually

BUCKET = "patch-portal-results"
SUFFIX = "--output truncated--"
ROOT = "$PATCH_PORTAL_ROOT"


def flood(aws: Aws, host: str, script: str, **request: Any) -> tuple[str, dict[str, Any]]:
    """(the listed output, GetCommandInvocation's answer)."""
    command_id = aws.send(aws.ids(host), script, **request)
    listed: str = aws.ended(command_id)[aws.id(host)]["CommandPlugins"][0]["Output"]
    return listed, aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=aws.id(host))


def bytes_of(count: int, letter: str = "x", to: str = "1") -> str:
    return f"head -c {count} /dev/zero | tr '\\0' {letter} >&{to}"


def stored(aws: Aws, prefix: str) -> dict[str, bytes]:
    found = aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        one["Key"].rsplit("/", 1)[1]: aws.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
        for one in found
    }


def test_fact_09_stdout_is_cut_at_24000_bytes_with_the_suffix_inside(aws: Aws) -> None:
    _, one = flood(aws, "web-01", bytes_of(24_001))
    assert one["StandardOutputContent"] == "x" * (24_000 - len(SUFFIX)) + SUFFIX
    _, fits = flood(aws, "web-01", bytes_of(24_000))
    assert fits["StandardOutputContent"] == "x" * 24_000


def test_fact_09_stderr_leaves_the_agent_with_24000_bytes_and_the_service_shows_8000(aws: Aws) -> None:
    _, one = flood(aws, "web-01", bytes_of(30_000, "e", "2"))
    assert one["StandardErrorContent"] == "e" * (8_000 - len(SUFFIX)) + SUFFIX
    sent = complained(StepResult("a", "b", stderr=b"e" * 30_000))
    assert (len(sent), sent[-len(SUFFIX) :]) == (24_000, SUFFIX.encode())


def test_fact_09_the_list_shows_2500_bytes_of_stdout_and_stderr_together(aws: Aws) -> None:
    listed, _ = flood(aws, "web-01", f"{bytes_of(2_400)}; {bytes_of(200, 'e', '2')}")
    rule = "\n----------ERROR-------\n"
    assert listed.startswith("x" * 2_400 + rule + "e")
    assert (len(listed), listed.endswith(SUFFIX)) == (2_500, True)


def test_fact_09_the_first_bytes_are_kept_not_the_last(aws: Aws) -> None:
    listed, one = flood(aws, "web-01", f"echo first; {bytes_of(30_000)}; echo last")
    assert listed.startswith("first\n")
    assert one["StandardOutputContent"].startswith("first\n")
    assert "last" not in one["StandardOutputContent"]


def test_fact_09_the_limit_counts_bytes_and_may_cut_a_character_in_two(aws: Aws) -> None:
    _, one = flood(aws, "web-01", "printf a; i=0; while [ $i -lt 13000 ]; do printf ü; i=$((i+1)); done")
    kept = one["StandardOutputContent"].removesuffix(SUFFIX)
    assert kept == "a" + "ü" * 11_989 + "\ufffd"  # 23,980 bytes end inside a letter
    assert cut("ü".encode() * 20, 21) == "\ufffd" + SUFFIX


def test_fact_09_the_agents_own_words_come_after_the_cut_and_are_cut_themselves() -> None:
    result = StepResult("a", "b", stdout=b"x" * 30_000, added="\nStep exited with code 168.")
    assert answered(result).endswith(SUFFIX.encode() + b"\nStep exited with code 168.")
    assert len(cut(answered(result), 24_000)) == 24_000


def test_fact_10_after_a_reboot_stdout_is_appended(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 200})
    script = f"echo run; echo err >&2; [ -e {ROOT}/ten ] && exit 0; : >{ROOT}/ten; exit 194"
    _, one = flood(aws, "web-02", script)
    assert (one["StandardOutputContent"], one["StandardErrorContent"]) == ("run\nrun\n", "err\nerr\n")


def test_fact_10_a_loud_first_run_cuts_the_final_report_away(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 200})
    mark = f"{ROOT}/ten-loud"
    script = f"[ -e {mark} ] && echo the second REPORT && exit 0; : >{mark}; {bytes_of(23_991)}; exit 194"
    where = {"OutputS3BucketName": BUCKET, "OutputS3KeyPrefix": f"{OUT}/loud"}
    _, one = flood(aws, "web-02", script, **where)
    assert "REPORT" not in one["StandardOutputContent"]
    assert stored(aws, f"{OUT}/loud/")["stdout"] == b"x" * 23_991 + b"the second REPORT\n"


def test_fact_10_a_new_command_begins_with_an_empty_file(aws: Aws) -> None:
    assert [flood(aws, "web-01", "echo run")[0] for _ in range(2)] == ["run\n", "run\n"]


def test_fact_12_s3_holds_the_whole_output(aws: Aws) -> None:
    where = {"OutputS3BucketName": BUCKET, "OutputS3KeyPrefix": f"{OUT}/whole"}
    flood(aws, "web-01", f"{bytes_of(100_000)}; {bytes_of(50_000, 'e', '2')}", **where)
    assert {name: len(data) for name, data in stored(aws, f"{OUT}/whole/").items()} == {
        "stdout": 100_000,
        "stderr": 50_000,
    }


def test_fact_12_a_bucket_that_does_not_answer_delays_the_reply(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 10})
    aws.fault("web-01", "results_unreachable")
    where = {"OutputS3BucketName": BUCKET, "OutputS3KeyPrefix": f"{OUT}/away"}
    command_id = aws.send(aws.ids("web-01", "web-02"), "echo ran", **where)

    def status(host: str) -> str:
        rows = {row["InstanceId"]: row["Status"] for row in aws.invocations(command_id)}
        return str(rows.get(aws.id(host)))

    eventually(lambda: status("web-02") == "Success")
    begun = time.monotonic()
    assert status("web-01") == "InProgress"
    row = aws.ended(command_id)[aws.id("web-01")]
    assert time.monotonic() - begun > 17 / 10  # seconds of the lab's clock
    assert (row["Status"], row["CommandPlugins"][0]["Output"]) == ("Success", "ran\n")
    assert list(stored(aws, f"{OUT}/away/")) == ["stdout"]  # of web-02


def test_fact_12_so_does_a_bucket_that_does_not_exist(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 10})
    command_id = aws.send(aws.ids("web-01"), "true", OutputS3BucketName="no-such-bucket")
    time.sleep(1)
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"
    assert aws.ended(command_id)[aws.id("web-01")]["Status"] == "Success"
