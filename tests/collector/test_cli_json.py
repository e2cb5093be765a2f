"""`-o json` of every command: one JSON object on stdout, and nothing beside it."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import click
import pytest

from collector.cli.root import root
from collector.core.model import Automation
from tests import collector_bed
from tests.collector_bed import Bed

REASON = ("--reason", "a test", "-y")
COUNTED = (*REASON, "--max-affected", "9")
# What each is asked, in an order in which all of it can be done.
ASKED: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("why", "mta-1"),
    ("replay", "DECISION"),
    ("policy", "show"),
    ("policy", "set", "blind_after=2h", *REASON),
    ("policy", "history"),
    ("policy", "simulate", "bounce_pause=8%", "--since", "2d"),
    ("policy", "rollback", "1", *REASON),
    ("events",),
    ("node", "ls"),
    ("node", "show", "mta-1"),
    ("node", "pause", "mta-1", *COUNTED),
    ("node", "resume", "mta-1", *REASON),
    ("node", "act", "mta-1", *REASON),
    ("node", "observe", "mta-1", *REASON),
    ("node", "token"),
    ("node", "revoke", "mta-2", *COUNTED),
    ("receiver", "ls"),
    ("receiver", "show", "gmail.com"),
    ("queue", "summary"),
    ("report", "daily"),
    ("pool", "ls"),
    ("pool", "act", "default", *REASON),
    ("pool", "observe", "default", *COUNTED),
    ("pool", "set", "default", "--strategy", "round-robin", *REASON),
    ("warmup", "ls"),
    ("warmup", "ladders"),
    ("warmup", "start", "ADDRESS", "--monthly", "20000", *COUNTED),
    ("warmup", "show", "ADDRESS"),
    ("warmup", "plan", "ADDRESS"),
    ("warmup", "hold", "ADDRESS", *COUNTED),
    ("warmup", "resume", "ADDRESS", *COUNTED),
    ("rotation", "show", "default"),
    ("rotation", "show", "default", "--receiver", "google"),
    ("alert", "ls"),
    ("alert", "show", "1"),
    ("alert", "ack", "1", *REASON),
    ("alert", "silence", "--cause", "blind", "--for", "2h", *REASON),
    ("alert", "silences"),
    ("alert", "unsilence", "1", *REASON),
    ("alert", "channels"),
    ("zone", "ls"),
    ("zone", "show", "dnsbl.sorbs.net"),
    ("zone", "test", "zen.spamhaus.org", "192.0.2.2"),
    ("zone", "enable", "bl.spamcop.net"),
    ("zone", "disable", "bl.spamcop.net", *REASON),
    ("zone", "set", "bl.spamcop.net", "--pace", "2h", *REASON),
    ("zone", "reset", "bl.spamcop.net"),
    ("reply", "explain", "550 5.1.1 User unknown"),
    ("stop", "automation", *COUNTED),
    ("stop", "sending", *COUNTED),
    ("doctor",),
    ("ca", "show"),
    ("ca", "rotate", *REASON),
)
# Without a running collector; each has its own test of what it prints.
ELSEWHERE = {
    *("init", "collector run", "completion", "demo incident"),
    *("backup create", "backup restore", "backup verify"),
    # Exit codes of their own.
    *("audit totals", "alert test", "rotation grant"),
}


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with collector_bed.running(tmp_path) as running:
        await running.automation(Automation.ACT)
        await running.join("mta-1", "mta-2", "mta-3")
        yield running


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    for name in command.commands:
        yield from leaves(command.commands[name], (*path, name))


def test_every_command_is_asked() -> None:
    asked = {" ".join(words[:2] if words[0] in root_groups() else words[:1]) for words in ASKED}
    assert asked | ELSEWHERE == set(leaves(root))
    assert not asked & ELSEWHERE


def root_groups() -> set[str]:
    return {name for name in root.commands if isinstance(root.commands[name], click.Group)}


async def test_each_prints_one_object(bed: Bed) -> None:
    await bed.list("mta-3", "127.0.0.2")
    (newest,) = await bed.parts.store.decisions("mta-1", limit=1)
    for asked in ASKED:
        names = {"DECISION": str(newest["id"]), "ADDRESS": bed.nodes["mta-1"].address}
        words = [names.get(word, word) for word in asked]
        code, out, err = await bed.mailfleet(*words, "-o", "json")
        assert code == 0, (words, err)
        assert isinstance(json.loads(out), dict), words
