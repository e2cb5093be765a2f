"""A round over the zones: a hit counts only with the sentinels right, by the same way, in it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from agent.dnsbl import sockets, sweep
from agent.dnsbl.sockets import Ask
from agent.dnsbl.sweep import Sweep
from agent.model import ZoneReading
from deliverability import nameservers
from deliverability.zones import ZEN, QueryName, Reply, Sentinels, Verdict, ZoneKey
from demo.dns import DnsServer

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
A, B = "10.0.0.5", "10.0.0.6"
OTHER = replace(ZEN, name="bl.example", keyed_suffix="")
KEY = ZoneKey("s3cretkey")


async def swept(
    server: DnsServer, *addresses: str, key: ZoneKey | None = None
) -> list[ZoneReading]:
    asks = sockets.askers([nameservers.parse(server.address)], seconds=0.1)
    return list(await Sweep(asks, [ZEN], key=key).once(addresses, number=3, now=NOW))


def said(readings: Sequence[ZoneReading]) -> list[tuple[Verdict, Sentinels, str]]:
    return [(each.verdict, each.sentinels, each.why) for each in readings]


@pytest.mark.parametrize("key", [None, KEY])
async def test_a_healthy_zone(key: ZoneKey | None) -> None:
    async with DnsServer() as server:
        server.list(A, "127.0.0.4", "127.0.0.10")
        listed, clear = await swept(server, A, B, key=key)
    assert listed == ZoneReading(
        address=A,
        zone="zen.spamhaus.org",
        verdict=Verdict.LISTED,
        answers=("127.0.0.4", "127.0.0.10"),
        sentinels=Sentinels.RIGHT,
        round=3,
        checked_at=NOW,
    )
    assert clear == replace(listed, address=B, verdict=Verdict.CLEAR, answers=())


async def test_an_ipv6_address() -> None:
    async with DnsServer() as server:
        server.list("2001:db8::25", "127.0.0.3")
        readings = await swept(server, "2001:db8::25", "2001:db8::26")
    assert [each.verdict for each in readings] == [Verdict.LISTED, Verdict.CLEAR]


@pytest.mark.parametrize(
    "mood, why",
    [
        ("refuse", "refused 127.255.255.254: asked through a public or unattributable resolver"),
        ("mad", "sentinel 127.0.0.1 listed"),
        ("servfail", "SERVFAIL"),
        ("silent", "timeout"),
    ],
)
async def test_a_bad_day_neither_lists_nor_clears(mood: str, why: str) -> None:
    async with DnsServer() as server:
        server.list(A)
        getattr(server, mood)()
        readings = await swept(server, A, B, key=KEY)
        assert said(readings) == [(Verdict.UNKNOWN, Sentinels.WRONG, why)] * 2
        assert "s3cretkey" not in repr(readings)
        server.normal()
        assert [each.verdict for each in await swept(server, A, B)] == [
            Verdict.LISTED,
            Verdict.CLEAR,
        ]


class World:
    """A nameserver that answers from a table, and remembers what it was asked."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        self.replies = replies
        self.asked: list[str] = []

    async def ask(self, names: Sequence[QueryName]) -> tuple[Reply, ...]:
        self.asked += [name.reveal() for name in names]
        return tuple(self.replies.get(name.reveal(), Reply(is_nxdomain=True)) for name in names)


def listing(*names: str) -> dict[str, Reply]:
    return {name: Reply(addresses=("127.0.0.2",)) for name in names}


async def once(*asks: Ask) -> dict[str, tuple[Verdict, Sentinels, str]]:
    readings = await Sweep(asks, [ZEN, OTHER]).once([A], number=1, now=NOW)
    assert [each.zone for each in readings] == [ZEN.name, OTHER.name]
    return dict(zip([each.zone for each in readings], said(readings), strict=True))


RIGHT = listing("2.0.0.127.zen.spamhaus.org", "2.0.0.127.bl.example")
HIT = listing("5.0.0.10.zen.spamhaus.org")


async def test_a_dead_zone_neither_lists_nor_clears() -> None:
    """Its domain is gone: everything is NXDOMAIN, the address and the sentinel alike."""
    world = World(listing("2.0.0.127.bl.example"))
    found = await once(world.ask)
    assert found[ZEN.name] == (Verdict.UNKNOWN, Sentinels.WRONG, "sentinel 127.0.0.2 clear")
    assert found[OTHER.name] == (Verdict.CLEAR, Sentinels.RIGHT, "")


async def test_a_hit_beside_a_wrong_sentinel_does_not_count() -> None:
    found = await once(World(HIT).ask)
    assert found[ZEN.name] == (Verdict.UNKNOWN, Sentinels.WRONG, "sentinel 127.0.0.2 clear")


async def test_the_second_nameserver_is_asked_only_what_the_first_got_wrong() -> None:
    first, second = World(listing("2.0.0.127.bl.example")), World(RIGHT | HIT)
    found = await once(first.ask, second.ask)
    assert found[ZEN.name] == (Verdict.LISTED, Sentinels.RIGHT, "")
    assert found[OTHER.name] == (Verdict.CLEAR, Sentinels.RIGHT, "")
    assert {name for name in second.asked if name.endswith("bl.example")} == set()


async def test_a_hit_is_not_vouched_for_by_another_nameservers_sentinels() -> None:
    """The first lists the address with dead sentinels, the second is sane and says clear."""
    found = await once(World(HIT).ask, World(RIGHT).ask)
    assert found[ZEN.name] == (Verdict.CLEAR, Sentinels.RIGHT, "")


async def test_when_no_nameserver_is_right_the_preferred_ones_word_stands() -> None:
    silent = World({name: Reply(problem="timeout") for name in (*RIGHT, *HIT)})
    found = await once(World({}).ask, silent.ask)
    assert found[ZEN.name] == (Verdict.UNKNOWN, Sentinels.WRONG, "sentinel 127.0.0.2 clear")


async def test_sentinels_and_addresses_go_in_one_batch() -> None:
    world = World(RIGHT)
    await Sweep([world.ask], [ZEN]).once([A, B], number=1, now=NOW)
    assert world.asked == [
        f"{reversed_ip}.zen.spamhaus.org"
        for reversed_ip in ("2.0.0.127", "1.0.0.127", "5.0.0.10", "6.0.0.10")
    ]


async def test_without_an_address_nothing_is_asked() -> None:
    world = World(RIGHT)
    assert await Sweep([world.ask], [ZEN]).once([], number=1, now=NOW) == ()
    assert world.asked == []


async def test_the_key_goes_only_to_the_zone_that_sells_it() -> None:
    world = World(RIGHT)
    await Sweep([world.ask], [ZEN, OTHER], key=KEY).once([A], number=1, now=NOW)
    keyed = {name for name in world.asked if "s3cretkey" in name}
    assert len(keyed) == 3
    assert all(name.endswith(".s3cretkey.zen.dq.spamhaus.net") for name in keyed)


def test_the_pace_is_jittered_by_a_tenth() -> None:
    interval = timedelta(minutes=5)
    assert sweep.next_delay(interval, 0) == timedelta(seconds=270)
    assert sweep.next_delay(interval, 0.5) == interval
    assert sweep.next_delay(interval, 1) == timedelta(seconds=330)
    lucky = [sweep.next_delay(interval, random.random()) for _ in range(100)]
    assert len(set(lucky)) > 90
