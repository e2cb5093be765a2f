"""Addresses no agent looks after are looked at by the collector, until an agent is heard again."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from collector.adapters.doorbell import Bell
from collector.adapters.store import SqlStore, engines
from collector.core.model import AddressFacts, Look
from collector.lookout import Lookout
from deliverability.catalogue import CATALOGUE
from deliverability.nameservers_judged import NameserverState
from deliverability.zones import Sentinels, Verdict
from tests.store_bed import ZONE, HandClock, beat, enrol, ip, node_id, opened, pool_of, zone_reading

MINUTE = 60


class Eyes:
    """A resolver that says listed of one address, and remembers what it was asked."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, str]] = []

    async def look(self, zone: str, *, address: str, not_by: str = "") -> Look:
        self.asked.append((zone, address))
        is_listed = (zone, address) == (ZONE, ip(1))
        return Look(
            address=address,
            zone=zone,
            verdict=Verdict.LISTED if is_listed else Verdict.CLEAR,
            answers=("127.0.0.2",) if is_listed else (),
            sentinels=Sentinels.RIGHT,
            at=self.clock.now(),
        )

    async def why_listed(self, zone: str, *, address: str) -> str:
        return "see our page"

    def pair(self) -> tuple[str, str]:
        return "", ""

    async def tried(self) -> tuple[tuple[str, NameserverState, str], ...]:
        return ()


def lookout(journal: SqlStore, clock: HandClock) -> tuple[Lookout, Eyes]:
    eyes = Eyes(clock)
    made = Lookout(
        journal, resolver=eyes, catalogue=lambda: CATALOGUE, clock=clock, doorbell=Bell()
    )
    return made, eyes


async def heard(journal: SqlStore, number: int, sequence: int) -> None:
    said = zone_reading(ip(number), Verdict.CLEAR, round=sequence)
    await journal.record(beat(number, sequence, zones=[said]))


async def test_a_lost_nodes_address_stays_under_watch_until_its_agent_is_back(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, [1], await pool_of(journal))
        watching, eyes = lookout(journal, clock)
        await heard(journal, 1, 1)
        clock.seconds = 10 * MINUTE
        assert await watching.once() == 0  # it may be a moment late
        clock.seconds = 20 * MINUTE
        assert await watching.once() == 1
        assert eyes.asked == [(ZONE, ip(1))]  # by the zone it was watched by
        (fact,) = (await journal.load(None)).nodes[0].addresses[0].zones
        assert (fact.verdict, fact.received_at) == (Verdict.LISTED, clock.now())
        assert fact.reason == "asked by the collector: see our page"
        clock.seconds = 22 * MINUTE
        assert await watching.once() == 0
        clock.seconds = 25 * MINUTE
        assert await watching.once() == 1  # at the zone's own pace
        for sequence in range(2, 70):  # it speaks again
            await heard(journal, 1, sequence)
        clock.seconds = 34 * MINUTE
        assert await watching.once() == 0


async def test_an_address_of_which_nobody_ever_spoke_is_asked_of_every_zone(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, [1], await pool_of(journal))
        watching, eyes = lookout(journal, clock)
        assert await watching.once() == 0
        clock.seconds = 20 * MINUTE
        assert await watching.once() == len(CATALOGUE.enabled())
        assert {address for _, address in eyes.asked} == {ip(1)}
        clock.seconds += 6 * MINUTE
        assert await watching.once() == 1


async def test_a_fleet_that_is_heard_costs_no_look(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, [1, 2], await pool_of(journal))
        watching, eyes = lookout(journal, clock)
        for number in (1, 2):
            await heard(journal, number, 40)
        clock.seconds = timedelta(minutes=21).total_seconds()
        assert await watching.once() == 0
        assert eyes.asked == []
        assert await journal.heard_of([(node_id(1), ip(1))])


async def test_a_locked_journal_costs_the_looks_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.CONNECT, "timeout", 0.05)
    clock = HandClock()
    async with opened(tmp_path, clock) as journal:
        await enrol(journal, [1], await pool_of(journal))
        watching, eyes = lookout(journal, clock)
        await heard(journal, 1, 1)
        clock.seconds = 20 * MINUTE
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await watching.once() == 1
        assert (await addresses(journal))[0].zones[0].verdict is Verdict.CLEAR
        assert await watching.once() == 1  # the same again
        assert (await addresses(journal))[0].zones[0].verdict is Verdict.LISTED
        assert eyes.asked == [(ZONE, ip(1))] * 2


async def addresses(journal: SqlStore) -> tuple[AddressFacts, ...]:
    return (await journal.load(None)).nodes[0].addresses
