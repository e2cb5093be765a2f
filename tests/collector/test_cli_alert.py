"""Incidents from the first alert to the last word, as an operator lives them: `mailfleet alert`."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.core.channels import Smtp, Webhook
from collector.core.model import Automation
from collector.operate import silencing
from tests import collector_bed
from tests.collector_bed import Bed
from tests.notify_bed import Receiver, Sink, receiving, sinking

REASON = ("--reason", "known, ticket 7", "-y")


@dataclass
class World:
    bed: Bed
    pager: Receiver
    ops: Sink

    async def run(self, *words: str, code: int = 0) -> str:
        found, out, err = await self.bed.mailfleet("alert", *words)
        assert found == code, (words, out, err)
        return out + err


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)
    async with receiving() as pager, sinking() as ops:
        mail = Smtp(
            name="ops",
            host="127.0.0.1",
            port=ops.port,
            security="none",
            sender="mf@fleet.test",
            to=("ops@example.net",),
        )
        channels = (Webhook(name="pager", url=pager.url), mail)
        async with collector_bed.running(tmp_path, channels=channels) as bed:
            # Not this machine's own: a relay on it would be taken for a node of the fleet.
            bed.network = "203.0.113"
            await bed.automation(Automation.ACT)
            await bed.join("mta-1", "mta-2", "mta-3")
            yield World(bed, pager, ops)


async def test_one_listing_is_one_notice_a_channel_and_one_end(world: World) -> None:
    bed = world.bed
    await bed.list("mta-1", "127.0.0.2")
    for _ in range(3):
        await bed.hear("mta-1", "mta-2")
        await bed.settle()
        await bed.tell()
    (said,), (letter,) = world.pager.said, world.ops.letters
    assert (said["event"], said["alert"], said["nodes"]) == (
        "opened",
        "infrastructure-critical",
        ["mta-1"],
    )
    assert said["did"] == ["203.0.113.1 is paused (LISTED)"]
    assert any("127.0.0.2 SBL" in line for line in said["evidence"])
    assert letter["Subject"].startswith("[fleet.test #1] HIGH: mta-1 203.0.113.1 is listed by zen")
    shown = await world.run("show", "1")
    for words in ("incident 1, high: 203.0.113.1 is listed", "pager sent", "ops sent", "you can"):
        assert words in shown
    await bed.delist("mta-1")
    await bed.tell()
    assert [one["event"] for one in world.pager.said] == ["opened", "resolved"]
    assert world.ops.letters[1]["References"] == letter["Message-ID"]
    assert "over" in await world.run("ls", "--all")
    assert "listed" not in await world.run("ls")


async def test_somebody_has_seen_it(world: World) -> None:
    await world.bed.list("mta-1", "127.0.0.2")
    assert "would be: incident 1" in await world.run("ack", "1", "--dry-run")
    assert await world.run("ack", "1", *REASON) == "incident 1 is acknowledged\n"
    assert "seen by" in await world.run("ls")
    assert "known, ticket 7" in await world.run("show", "1")
    assert "already acknowledged" in await world.run("ack", "1", *REASON)
    assert await world.run("ack", "1", "--undo") == "incident 1 is no longer acknowledged\n"
    assert "is not acknowledged" in await world.run("ack", "1", "--undo")
    await world.bed.delist("mta-1")
    assert "is over" in await world.run("ack", "1", code=4)
    assert "no incident has the number 9" in await world.run("show", "9", code=3)
    told = await world.bed.parts.store.journal(after=-40, limit=40, node_id=None)
    assert any("incident acknowledged incident 1" in str(row["text"]) for row in told)


async def test_a_silence_ends_and_hides_nothing(world: World) -> None:
    bed = world.bed
    node = ("--node", "mta-1", "--for", "2h", *REASON)
    assert "covers 0 alerts now" in await world.run("silence", *node)
    await bed.list("mta-1", "127.0.0.2")
    await bed.tell()
    assert len(world.pager.said) == 1, "a High listing is silenced only by its cause"
    await bed.list("mta-2", "127.0.0.10")
    await bed.settle()
    policy = ("--cause", "listed", "--address", "203.0.113.1", "--for", "1d", *REASON)
    made = json.loads(await world.run("silence", *policy, "-o", "json"))
    assert (made["number"], made["covers"]) == (2, ["listed:zen.spamhaus.org:203.0.113.1"])
    assert "silenced" in await world.run("ls", "--cause", "listed")
    listed = json.loads(await world.run("silences", "-o", "json"))["items"]
    key = "listed:zen.spamhaus.org:203.0.113.1"
    assert [(one["number"], key in one["covers"]) for one in listed] == [(2, True), (1, False)]
    assert "silence 2 is over" in await world.run("unsilence", "2", *REASON)
    assert "no silence 2 lasts" in await world.run("unsilence", "2", *REASON, code=3)
    assert "ended by" in await world.run("silences", "--all")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--cause", "blind", "--for", "8d", *REASON), 2, "ends within 7 days"),
        (("--for", "1h", *REASON), 2, "names a cause, a zone, a node, a pool or an address"),
        (("--cause", "blind", "--for", "for ever", *REASON), 2, "not like 30m, 2h or 3d"),
        (("--cause", "blind", *REASON), 2, "--for"),
        (("--cause", "blind", "--for", "1h"), 2, "--reason"),
    ],
)
async def test_a_silence_that_may_not_be(
    world: World, words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in await world.run("silence", *words, code=code)
    assert json.loads(await world.run("silences", "--all", "-o", "json")) == {"items": []}


async def test_there_are_no_more_silences_than_can_be_looked_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silencing, "SILENCES_MAX", 1)
    words = ("--cause", "blind", "--for", "1h", *REASON)
    assert "silence 1 of" in await world.run("silence", *words)
    assert "end some first" in await world.run("silence", *words, code=2)
    await world.run("unsilence", "1", *REASON)
    assert "silence 2 of" in await world.run("silence", *words)


async def test_channels_are_tested_for_real(world: World) -> None:
    shown = await world.run("test")
    assert shown.count(" ok ") == 2
    (said,), (letter,) = world.pager.said, world.ops.letters
    assert said["event"] == "test"
    assert letter["Subject"] == "[fleet.test] TEST of the channel ops: nothing happened"
    world.pager.mood = 503
    failed = await world.run("test", "pager", code=1)
    assert "answered 503" in failed
    assert "there are: pager, ops" in await world.run("test", "nobody", code=3)
    assert await world.run("channels", "-o", "name") == "pager\nops\n"
    doctor = json.loads((await world.bed.mailfleet("doctor", "-o", "json"))[1])
    states = {one["name"]: one["text"] for one in doctor["checks"]}
    assert states["channel ops"] == "connects"
    assert states["channel pager"] == "not signed: give it a secret"


async def test_status_shows_incidents_not_alerts(world: World) -> None:
    await world.bed.list("mta-1", "127.0.0.2")
    world.bed.world.mad()
    for _ in range(2):
        await world.bed.hear("mta-1", "mta-2", "mta-3")
        await world.bed.settle()
    _, out, _ = await world.bed.mailfleet("status", "-o", "json")
    needs = [one["text"] for one in json.loads(out)["needs_you"]]
    incidents = json.loads(await world.run("ls", "-o", "json"))["items"]
    assert len(needs) <= len(incidents), needs
