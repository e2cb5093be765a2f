"""A fleet's word on zones is kept and audited; addresses nobody looks after are found."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from collector.adapters.store import SqlStore
from collector.core.heartbeat import ZoneReading
from collector.core.model import Look, ZoneFact
from deliverability.catalogue import Override
from deliverability.zones import Sentinels, Tier, Verdict
from deliverability.zones_pace import Size
from tests.store_bed import (
    START,
    ZONE,
    beat,
    enrol,
    entry,
    hello,
    ip,
    node_id,
    opened,
    pool_of,
    zone_reading,
)

SPAMCOP = "bl.spamcop.net"
WORD = Override(
    is_enabled=False, tier=Tier.MINOR, pace=timedelta(hours=2), queries_per_day_max=1_000
)
HOUR = timedelta(hours=1)


async def test_the_fleets_word_is_kept_and_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.set_zone_override(SPAMCOP, WORD, entry=entry("zone set", SPAMCOP))
        on = Override(is_enabled=True)
        await journal.set_zone_override("bl.example", on, entry=entry("zone set", "bl.example"))
    async with opened(tmp_path) as journal:
        assert await journal.zone_overrides() == {SPAMCOP: WORD, "bl.example": on}
        known = (await journal.load(None)).fleet.catalogue
        assert known[SPAMCOP].tier is Tier.MINOR
        assert known.is_dismissed(SPAMCOP)
        await journal.set_zone_override("bl.example", None, entry=entry("zone set", "bl.example"))
        assert await journal.zone_overrides() == {SPAMCOP: WORD}
        told = await journal.journal(after=0, limit=100, node_id=None)
    assert sum(row["kind"] == "audit" and "zone set" in str(row["text"]) for row in told) == 3


async def test_the_fleet_is_counted_by_what_is_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        assert (await journal.fleet_size()).all == Size()
        await enrol(journal, [1, 2, 3], await pool_of(journal))
        fleet = await journal.fleet_size()
        assert fleet.all == fleet.without_key_of("Spamhaus") == Size(ip4=3, nodes=3)
        await journal.record_hello(hello(2, capabilities=("catalogue", "dqs_key")))
        fleet = await journal.fleet_size()
        assert fleet.all == fleet.without_key_of("Abusix") == Size(ip4=3, nodes=3)
        assert fleet.without_key_of("Spamhaus") == Size(ip4=2, nodes=2)
        assert fleet.without_key_of("Nobody") == fleet.all
        wide = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
        await journal.record_hello(hello(3, addresses=(ip(3), *wide)))
        fleet = await journal.fleet_size()
        assert fleet.all == Size(ip4=3, ip6=2, nodes=3), "two networks"
        assert fleet.without_key_of("Spamhaus") == Size(ip4=2, ip6=2, nodes=2)


def said(number: int, round_: int) -> ZoneReading:
    return zone_reading(ip(number), Verdict.CLEAR, round=round_)


async def newest(journal: SqlStore) -> ZoneFact:
    (fact,) = (await journal.load(None)).nodes[0].addresses[0].zones
    return fact


async def unwatched(journal: SqlStore, *, ago: timedelta) -> list[str]:
    now = START + 3 * HOUR
    found = await journal.unwatched((ZONE,), since=now - ago, limit=10)
    return [one.address for one in found]


async def test_an_address_nobody_looks_after_is_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1, 2], await pool_of(journal))
        assert await unwatched(journal, ago=4 * HOUR) == []  # just enrolled
        assert await unwatched(journal, ago=HOUR) == [ip(1), ip(2)]
        await journal.record(beat(1, 1, zones=[said(1, 1)]))
        # What another zone says is no watch; nor is what the critical one said long ago.
        other = replace(said(2, 1), zone=SPAMCOP)
        await journal.record(beat(2, 1, zones=[other]))
        soon = await journal.unwatched((ZONE,), since=START - timedelta(days=3), limit=10)
        assert soon == []
        assert set(await unwatched(journal, ago=HOUR)) == {ip(1), ip(2)}
        (first, second) = await journal.heard_of(
            [(node_id(1), ip(1)), (node_id(2), ip(2)), (node_id(9), ip(9))]
        )
        assert (set(first.asked), set(second.asked)) == ({ZONE}, {SPAMCOP})


async def test_what_our_own_resolver_found_is_a_fact_of_its_own_round(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, [1], await pool_of(journal))
        await journal.record(beat(1, 1, zones=[said(1, 7)]))
        for minutes, verdict in ((60, Verdict.LISTED), (65, Verdict.LISTED), (70, Verdict.CLEAR)):
            look = Look(
                address=ip(1),
                zone=ZONE,
                verdict=verdict,
                answers=("127.0.0.2",) if verdict is Verdict.LISTED else (),
                sentinels=Sentinels.RIGHT,
                at=START + timedelta(minutes=minutes),
                resolver="192.0.2.53:53",
            )
            await journal.record_watch(node_id(1), look)
            fact = await newest(journal)
            assert (fact.verdict, fact.received_at) == (verdict, look.at)
        fact = await newest(journal)
        assert (fact.round, fact.rounds, fact.resolver) == (10, 1, "192.0.2.53:53")
        await journal.record(beat(1, 2, zones=[said(1, 8)]))
        fact = await newest(journal)
        assert (fact.round, fact.resolver) == (8, "")
