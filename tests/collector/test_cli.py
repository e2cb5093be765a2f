"""The command line against a running collector: what it prints where, and how it exits."""

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from importlib import metadata
from pathlib import Path

import pytest

from collector.cli import context
from collector.cli.failure import Failure
from collector.core.model import Automation
from tests import collector_bed
from tests.collector_bed import Bed

MAILFLEET = (sys.executable, "-m", "collector.cli")
SECONDS_OF_VERSION_MAX = 0.2
# What a collector needs, and a question about the command line does not.
HEAVY = ("aiohttp", "asyncio", "cryptography", "google", "grpc", "pydantic", "sqlalchemy")


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2", "mta-3", "mta-4", "mta-5", "mta-6")
        yield running


def spawn(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAILFLEET, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environ},
        check=False,
    )


def test_the_version_is_said_at_once() -> None:
    """In CPU time, the best of several: what the machine does beside is not ours."""
    best = 10.0
    for _ in range(5):
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert spawn("--version").stdout.startswith("mailfleet ")
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)
    assert best < SECONDS_OF_VERSION_MAX


@pytest.mark.parametrize(
    "question, more",
    [("--version", ("click", "rich", "anyio", "importlib.metadata")), ("--help", ())],
)
def test_the_first_questions_load_nothing_heavy(question: str, more: tuple[str, ...]) -> None:
    code = f"""import atexit, sys
sys.argv[1:] = [{question!r}]
heavy = {(*HEAVY, *more)!r}
atexit.register(lambda: print([name for name in heavy if name in sys.modules]))
from collector.cli.__main__ import main
main()"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_packages() -> None:
    assert spawn("--version").stdout.split() == ["mailfleet", metadata.version("mailfleet")]


def test_help_lists_the_first_question_first() -> None:
    said = spawn("--help")
    assert said.returncode == 0
    listed = re.findall(r"^│ ([a-z]+) ", said.stdout, re.MULTILINE)
    assert listed[:3] == ["status", "why", "events"]
    assert listed[-1] == "completion"


@pytest.mark.parametrize(
    "wrong, near", [(("statsu",), "status"), (("node", "pasue"), "pause"), (("pol", "ls"), "pool")]
)
def test_a_typo_suggests_the_near_command(wrong: tuple[str, ...], near: str) -> None:
    said = spawn(*wrong)
    assert (said.returncode, said.stdout) == (2, "")
    assert f"'{near}'" in said.stderr


def test_a_missing_reason_is_usage() -> None:
    said = spawn("node", "pause", "mta-1")
    assert said.returncode == 2
    assert "--reason" in said.stderr


def test_an_unreachable_collector_says_how_to_reach_one(tmp_path: Path) -> None:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/none.sock"\n')
    said = spawn("status", MAILFLEET_CONTEXT=str(place), MAILFLEET_URL="")
    assert (said.returncode, said.stdout) == (6, "")
    assert "cause: No such file or directory" in said.stderr
    assert "fix:" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    "text, problem",
    [
        ('socket = "/a"\nurl = "https://b"', "expected either socket or url"),
        ('sokcet = "/a"', "sokcet: unknown key"),
        ("socket = 1", "socket: expected text"),
        ("socket =", "cannot read"),
    ],
)
def test_a_context_file_is_checked(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "context.toml"
    path.write_text(text)
    with pytest.raises(Failure) as failed:
        context.read(path)
    assert problem in f"{failed.value.what}: {failed.value.cause}"
    assert str(path) in failed.value.what


def test_the_context_is_chosen_in_order(tmp_path: Path) -> None:
    own = tmp_path / "mailfleet" / "context.toml"
    own.parent.mkdir()
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert context.choose(environ).socket == context.SOCKET_DEFAULT
    own.write_text('socket = "/own"\n')
    assert context.choose(environ).socket == Path("/own")
    named = tmp_path / "named.toml"
    named.write_text('url = "https://c:7440"\ntoken = "t"\nca = "/ca.pem"\n')
    environ["MAILFLEET_CONTEXT"] = str(named)
    assert (context.choose(environ).url, context.choose(environ).token) == ("https://c:7440", "t")
    environ |= {"MAILFLEET_URL": "https://d:7440", "MAILFLEET_TOKEN": "u"}
    assert context.choose(environ).place == "https://d:7440"


async def test_tables_are_for_people_and_json_for_programs(bed: Bed) -> None:
    code, out, err = await bed.mailfleet("node", "ls")
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == [
        "NODE",
        "STATUS",
        "HEALTH",
        "POOL",
        "ADDRESS",
        "ROTATION",
        "WHY",
        "NOT",
        "HEARD",
    ]
    assert rows[0].split()[:6] == ["mta-1", "active", "healthy", "default", "192.0.2.1", "1/1"]
    assert all(row == row.rstrip() for row in rows)
    code, out, _ = await bed.mailfleet("node", "ls", "-o", "json")
    first = json.loads(out)["items"][0]
    assert (first["name"], first["status"]) == ("mta-1", "active")
    code, out, _ = await bed.mailfleet("node", "ls", "-o", "name", "--status", "paused")
    assert (code, out) == (0, "")


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (("node", "show", "mta-9"), 3, "fix:   mailfleet node ls"),
        (("why", "nobody"), 3, "no node, address, sending domain or decision is called nobody"),
        (("node", "resume", "mta-1"), 4, "mta-1 has no pause"),
        (("stop", "sending", "--reason", "x"), 4, "--max-affected 6"),
        (("node", "pause", "mta-1", "mta-2", "--reason", "x"), 4, "--max-affected 2"),
        (("zone", "test", "zen.spamhaus.org", "x"), 2, "'x' is no IP address"),
        (("events", "--since", "soon"), 2, "neither like 24h"),
    ],
)
async def test_refusals_have_their_exit_code(
    bed: Bed, arguments: tuple[str, ...], code: int, said: str
) -> None:
    exit_code, out, err = await bed.mailfleet(*arguments)
    assert (exit_code, out) == (code, "")
    assert said in err


async def test_partly_done_is_eight(bed: Bed) -> None:
    acting = ("node", "pause", "mta-1", "mta-9", "--reason", "x", "--max-affected", "2")
    code, out, err = await bed.mailfleet(*acting)
    assert code == 8
    assert out.startswith("mta-1 is paused by ")
    assert err.startswith("mta-9: ")


async def test_over_https_with_a_token(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(bed.parts.authority.ca_pem())
    monkeypatch.setenv("MAILFLEET_URL", f"https://localhost:{bed.parts.ports['https']}")
    monkeypatch.setenv("MAILFLEET_CA", str(ca))
    code, _, err = await bed.mailfleet("status")
    assert (code, "no token was sent" in err) == (5, True)
    monkeypatch.setenv("MAILFLEET_TOKEN", bed.made.admin_token)
    code, out, _ = await bed.mailfleet("status")
    assert (code, out.startswith("6 nodes: 6 active")) == (0, True)
    monkeypatch.delenv("MAILFLEET_CA")
    code, _, err = await bed.mailfleet("status")
    assert (code, "MAILFLEET_CA" in err) == (6, True)


async def test_the_story_of_a_listing(bed: Bed) -> None:
    """status, why, resume refused, delisted: as a person would see it."""
    await bed.list("mta-2", "127.0.0.4")
    code, out, _ = await bed.mailfleet("status")
    assert code == 0
    assert "6 nodes: 5 active, 1 paused; 5 of 6 addresses in rotation" in out
    assert "192.0.2.2  mta-2  pool default  listed by zen.spamhaus.org" in out
    assert "done: paused; silent, verified" in out
    assert len(out.splitlines()) <= 12
    code, out, _ = await bed.mailfleet("why", "mta-2")
    assert out.splitlines()[0] == "mta-2 is paused: LISTED (zen.spamhaus.org)"
    code, _, err = await bed.mailfleet("node", "resume", "mta-2")
    assert (code, "--override-listing" in err) == (4, True)
    await bed.delist("mta-2")
    code, out, _ = await bed.mailfleet("status")
    assert "hurting now: nothing" in out
    assert "mta-2: 192.0.2.2 is listed by zen.spamhaus.org" in out.partition("recovered")[2]


async def test_why_is_answered_within_200_ms(bed: Bed) -> None:
    from collector.operate import why

    await bed.list("mta-2", "127.0.0.4")
    best = 10.0
    for _ in range(5):
        begun = time.perf_counter()
        await why.read(bed.parts.desk, "mta-2")
        best = min(best, time.perf_counter() - begun)
    assert best < 0.2


async def test_events_name_the_nodes(bed: Bed) -> None:
    code, out, _ = await bed.mailfleet("events", "--since", "1h")
    assert code == 0
    assert any("mta-1: " in line for line in out.splitlines())
    code, out, _ = await bed.mailfleet("events", "-o", "json", "--node", "mta-1")
    assert {event["node"] for event in json.loads(out)["items"]} == {"mta-1"}
    code, out, _ = await bed.mailfleet("events", "--since", "0s")
    assert (code, out) == (0, "")


async def test_doctor_exits_by_its_findings(bed: Bed) -> None:
    code, out, _ = await bed.mailfleet("doctor", "-o", "json")
    assert (code, json.loads(out)["state"]) == (0, "ok")
    bed.world.refuse()
    code, out, _ = await bed.mailfleet("doctor")
    assert code == 11
    assert "refused 127.255.255.254" in out
    assert "DQS key" in out


async def test_a_zone_is_tested_with_its_sentinels(bed: Bed) -> None:
    bed.world.list("192.0.2.2", "127.0.0.10")
    _, out, _ = await bed.mailfleet("zone", "test", "zen.spamhaus.org", "192.0.2.2", "-o", "json")
    found = json.loads(out)
    assert (found["verdict"], found["sentinels"], found["node"]) == ("listed", "right", "mta-2")
    assert found["consequence"] == ["policy"]


async def test_a_token_is_all_there_is_on_stdout(bed: Bed) -> None:
    code, out, err = await bed.mailfleet("node", "token")
    assert (code, len(out.splitlines())) == (0, 1)
    assert out.startswith("mft1.")
    assert "--collector localhost" in err


async def test_the_other_leaves_answer(bed: Bed) -> None:
    for leaf in (
        ("pool", "ls"),
        ("pool", "ls", "-o", "name"),
        ("pool", "observe", "default", "--dry-run"),
        ("pool", "observe", "default", "--max-affected", "6"),
        ("pool", "act", "default", "--max-affected", "6"),
        ("node", "observe", "mta-1"),
        ("node", "act", "mta-1"),
        ("node", "show", "mta-1"),
        ("node", "revoke", "mta-1", "--reason", "x"),
        ("stop", "automation", "--reason", "x", "--max-affected", "6"),
        ("stop", "automation", "--lift", "--reason", "x", "--max-affected", "6"),
        ("ca", "show"),
        ("ca", "show", "-o", "pem"),
        ("completion", "bash"),
    ):
        code, out, err = await bed.mailfleet(*leaf)
        assert (code, err, bool(out)) == (0, "", True), leaf
