"""What the collector finds where no agent looks is confirmed by another resolver than the finder's:
real rbldnsd, asked through real resolvers.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from collector.core.model import Automation
from tests import collector_bed
from tests.collector_bed import Bed
from tests.rbldnsd_bed import ZONE, Rbldnsd
from tests.unbound_bed import Unbound

pytestmark = [pytest.mark.needs("rbldnsd", "unbound"), pytest.mark.timeout(120)]
CODE = "127.0.0.4"


@pytest.fixture(autouse=True)
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "context.toml"
    place.write_text(f'socket = "{tmp_path}/c.sock"\n')
    monkeypatch.setenv("MAILFLEET_CONTEXT", str(place))
    monkeypatch.delenv("MAILFLEET_URL", raising=False)


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


@asynccontextmanager
async def unheard(tmp_path: Path, *nameservers: str) -> AsyncIterator[Bed]:
    """A fleet of three, of which one has not been heard for twenty minutes."""
    async with collector_bed.running(tmp_path, dns=nameservers) as bed:
        await bed.automation(Automation.ACT)
        await bed.join("mta-1", "mta-2", "mta-3")
        await later(bed)
        yield bed


async def later(bed: Bed) -> None:
    """Twenty minutes, as the journal knows them; the others are heard."""
    by = 20 * 60_000
    with closing(sqlite3.connect(bed.parts.config.state / "journal.db", timeout=5)) as file, file:
        file.execute("UPDATE nodes SET enrolled_at = enrolled_at - ?", (by,))
        file.execute("UPDATE looks SET at = at - ?", (by,))
        file.execute("UPDATE zone_facts SET since = since - ?, received_at = received_at - ?",
                     (by, by))  # fmt: skip
    await bed.hear("mta-2", "mta-3")


async def swept(bed: Bed) -> None:
    """One look; a pass before it may find its own last one older than it was."""
    assert await bed.parts.lookout.once() or await bed.parts.lookout.once()
    await bed.settle()


async def shown(bed: Bed) -> dict[str, str]:
    """`why`, `node show` and `zone show`, as people read them."""
    found = {}
    for words in (("why", "mta-1"), ("node", "show", "mta-1"), ("zone", "show", ZONE)):
        code, out, err = await bed.mailfleet(*words)
        assert code == 0, err
        found[words[0]] = " ".join(out.split())
    return found


async def pauses(bed: Bed) -> list[str]:
    (row,) = await bed.parts.store.nodes(node="mta-1")
    return [str(one["reason"]) for one in row["pauses"]]  # type: ignore[attr-defined]


async def test_another_resolver_confirms_it(tmp_path: Path) -> None:
    with (
        Rbldnsd(folder(tmp_path, "zone")) as zone,
        Unbound(folder(tmp_path, "a"), zone=ZONE, server=zone.address) as finder,
        Unbound(folder(tmp_path, "b"), zone=ZONE, server=zone.address) as other,
    ):
        async with unheard(tmp_path, finder.address, other.address) as bed:
            zone.list(bed.nodes["mta-1"].address, CODE)
            await swept(bed)
            assert await pauses(bed) == ["LISTED"]
            said = await shown(bed)
    assert "confirmed by another of the collector's resolvers" in said["why"]
    assert f"its sentinels through the collector's resolver {finder.address}: right" in said["why"]
    assert f"another resolver {other.address} said: listed {CODE}" in said["why"]
    assert f"asked by the collector through {finder.address}; listed" in said["node"]
    assert f"a hit is confirmed through {other.address}" in said["zone"]


async def test_two_resolvers_that_disagree_pause_nobody(tmp_path: Path) -> None:
    with (
        Rbldnsd(folder(tmp_path, "lists")) as lists,
        Rbldnsd(folder(tmp_path, "clear")) as clear,
        Unbound(folder(tmp_path, "a"), zone=ZONE, server=lists.address) as finder,
        Unbound(folder(tmp_path, "b"), zone=ZONE, server=clear.address) as other,
    ):
        async with unheard(tmp_path, finder.address, other.address) as bed:
            lists.list(bed.nodes["mta-1"].address, CODE)
            for _ in range(3):
                await swept(bed)
                await later(bed)
            assert await pauses(bed) == []
            alerts = await bed.parts.store.alerts(open_only=True, limit=10, node_id=None)
    assert any(str(one["key"]).startswith("disagree") for one in alerts), alerts


async def test_one_resolver_alone_needs_a_second_sweep_and_says_so(tmp_path: Path) -> None:
    with (
        Rbldnsd(folder(tmp_path, "zone")) as zone,
        Unbound(folder(tmp_path, "a"), zone=ZONE, server=zone.address) as only,
    ):
        async with unheard(tmp_path, only.address) as bed:
            zone.list(bed.nodes["mta-1"].address, CODE)
            await swept(bed)
            assert await pauses(bed) == []
            doubted = await shown(bed)
            await later(bed)
            await swept(bed)
            assert await pauses(bed) == ["LISTED"]
            believed = await shown(bed)
    by = f"through {only.address}; unconfirmed: one resolver"
    assert f"found by the collector {by}" in doubted["why"]
    assert f"asked by the collector {by}" in doubted["node"]
    assert "a hit is unconfirmed: one resolver, a second sweep decides" in doubted["zone"]
    alone = "the collector's second sweep (unconfirmed: one resolver)"
    assert f"confirmed by {alone}" in believed["why"]
    assert "by nobody else: unconfirmed: one resolver" in believed["why"]
