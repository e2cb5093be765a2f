"""A round over the zones: a hit counts only with the sentinels right, by the same way, in it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from agent.dnsbl import sockets, timetable
from agent.dnsbl.sockets import Way
from agent.dnsbl.sweep import Sweep
from agent.model import ZoneReading
from deliverability import nameservers
from deliverability.catalogue import CATALOGUE
from deliverability.zones import ZEN, QueryName, Reply, Sentinels, Verdict, ZoneKey, ZoneKeys
from demo.dns import DnsServer

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
A, B = "10.0.0.5", "10.0.0.6"
OTHER = replace(ZEN, name="bl.example", keyed_suffix="")
KEY = ZoneKey("s3cretkey")


async def swept(
    server: DnsServer, *addresses: str, key: ZoneKey | None = None
) -> list[ZoneReading]:
    ways = sockets.ways([nameservers.parse(server.address)], seconds=0.1)
    keys = ZoneKeys(key) if key else ZoneKeys()
    return list(await Sweep(ways, keys=keys).once([ZEN], addresses, number=3, now=NOW))


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
        reason="listed",
    )
    assert clear == replace(listed, address=B, verdict=Verdict.CLEAR, answers=(), reason="")


async def test_an_ipv6_address() -> None:
    async with DnsServer() as server:
        server.list("2001:db8::25", "127.0.0.3")
        readings = await swept(server, "2001:db8::25", "2001:db8:0:1::26")
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
        self.texts: list[str] = []
        self.said = ""

    @property
    def way(self) -> Way:
        return Way(nameserver="192.0.2.53:53", ask=self.ask, ask_texts=self.ask_texts)

    async def ask_texts(self, names: Sequence[QueryName]) -> tuple[Reply, ...]:
        self.texts += [name.reveal() for name in names]
        return tuple(Reply(text=self.said) for _ in names)

    async def ask(self, names: Sequence[QueryName]) -> tuple[Reply, ...]:
        self.asked += [name.reveal() for name in names]
        return tuple(self.replies.get(name.reveal(), Reply(is_nxdomain=True)) for name in names)


def listing(*names: str) -> dict[str, Reply]:
    return {name: Reply(addresses=("127.0.0.2",)) for name in names}


async def once(*worlds: World) -> dict[str, tuple[Verdict, Sentinels, str]]:
    readings = await Sweep([one.way for one in worlds]).once([ZEN, OTHER], [A], number=1, now=NOW)
    assert [each.zone for each in readings] == [ZEN.name, OTHER.name]
    return dict(zip([each.zone for each in readings], said(readings), strict=True))


RIGHT = listing("2.0.0.127.zen.spamhaus.org", "2.0.0.127.bl.example")
HIT = listing("5.0.0.10.zen.spamhaus.org")


async def test_a_dead_zone_neither_lists_nor_clears() -> None:
    """Its domain is gone: everything is NXDOMAIN, the address and the sentinel alike."""
    world = World(listing("2.0.0.127.bl.example"))
    found = await once(world)
    assert found[ZEN.name] == (Verdict.UNKNOWN, Sentinels.WRONG, "sentinel 127.0.0.2 clear")
    assert found[OTHER.name] == (Verdict.CLEAR, Sentinels.RIGHT, "")


async def test_a_hit_beside_a_wrong_sentinel_does_not_count() -> None:
    found = await once(World(HIT))
    assert found[ZEN.name] == (Verdict.UNKNOWN, Sentinels.WRONG, "sentinel 127.0.0.2 clear")


async def test_the_second_nameserver_is_asked_only_what_the_first_got_wrong() -> None:
    first, second = World(listing("2.0.0.127.bl.example")), World(RIGHT | HIT)
    found = await once(first, second)
    assert found[ZEN.name] == (Verdict.LISTED, Sentinels.RIGHT, "")
    assert found[OTHER.name] == (Verdict.CLEAR, Sentinels.RIGHT, "")
    assert {name for name in second.asked if name.endswith("bl.example")} == set()


async def test_a_hit_is_not_vouched_for_by_another_nameservers_sentinels() -> None:
    """The first lists the address with dead sentinels, the second is sane and says clear."""
    found = await once(World(HIT), World(RIGHT))
    assert found[ZEN.name] == (Verdict.CLEAR, Sentinels.RIGHT, "")


async def test_when_no_nameserver_is_right_the_preferred_ones_word_stands() -> None:
    silent = World({name: Reply(problem="timeout") for name in (*RIGHT, *HIT)})
    found = await once(World({}), silent)
    assert found[ZEN.name] == (Verdict.UNKNOWN, Sentinels.WRONG, "sentinel 127.0.0.2 clear")


async def test_sentinels_and_addresses_go_in_one_batch() -> None:
    world = World(RIGHT)
    await Sweep([world.way]).once([ZEN], [A, B], number=1, now=NOW)
    assert world.asked == [
        f"{reversed_ip}.zen.spamhaus.org"
        for reversed_ip in ("5.0.0.10", "6.0.0.10", "2.0.0.127", "1.0.0.127")
    ]


async def test_without_an_address_nothing_is_asked() -> None:
    world = World(RIGHT)
    assert await Sweep([world.way]).once([ZEN], [], number=1, now=NOW) == ()
    assert world.asked == []


async def test_the_key_goes_only_to_the_zone_that_sells_it() -> None:
    world = World(RIGHT)
    await Sweep([world.way], keys=ZoneKeys(KEY)).once([ZEN, OTHER], [A], number=1, now=NOW)
    keyed = {name for name in world.asked if "s3cretkey" in name}
    assert len(keyed) == 3
    assert all(name.endswith(".s3cretkey.zen.dq.spamhaus.net") for name in keyed)


def test_the_pace_is_jittered_by_a_tenth() -> None:
    interval = timedelta(minutes=5)
    assert timetable.next_delay(interval, 0) == timedelta(seconds=270)
    assert timetable.next_delay(interval, 0.5) == interval
    assert timetable.next_delay(interval, 1) == timedelta(seconds=330)
    lucky = [timetable.next_delay(interval, random.random()) for _ in range(100)]
    assert len(set(lucky)) > 90


async def test_a_64_is_asked_about_once_and_the_answer_is_for_all_of_it() -> None:
    world = World(RIGHT)
    ours = ("2001:db8::25", A, "2001:db8::1:26", "2001:db8:0:1::1")
    readings = await Sweep([world.way]).once([ZEN], ours, number=1, now=NOW)
    assert sorted(each.address for each in readings) == sorted(ours)
    assert len(world.asked) == 5  # two of IPv6, one of IPv4, the test points


async def test_no_zone_is_asked_about_what_it_does_not_list() -> None:
    world = World(RIGHT)
    only_ip4 = CATALOGUE["bl.spamcop.net"]
    readings = await Sweep([world.way]).once([only_ip4], ["2001:db8::25"], number=1, now=NOW)
    assert (readings, world.asked) == ((), [])


async def rounds(world: World, *minutes: float) -> list[tuple[int, Verdict | None]]:
    """The number of questions and the verdict of each round, so many minutes after noon."""
    sweep, told = Sweep([world.way]), []
    for minute in minutes:
        world.asked.clear()
        now = NOW + timedelta(minutes=minute)
        said = await sweep.once([ZEN], [A], number=1, now=now)
        told.append((len(world.asked), said[0].verdict if said else None))
    return told


async def test_right_sentinels_vouch_for_what_is_clear_for_hours() -> None:
    clear = Verdict.CLEAR
    said = await rounds(World(RIGHT), 0, 5, 100, 179, 185, 190)
    assert said == [(3, clear), (1, clear), (1, clear), (1, clear), (3, clear), (1, clear)]


async def test_whatever_else_is_said_is_vouched_for_in_the_same_round() -> None:
    world, listed, clear = World(RIGHT), Verdict.LISTED, Verdict.CLEAR
    sweep = Sweep([world.way])

    async def once(minute: int) -> tuple[int, Verdict]:
        world.asked.clear()
        (said,) = await sweep.once([ZEN], [A], number=1, now=NOW + timedelta(minutes=minute))
        return len(world.asked), said.verdict

    assert await once(0) == (3, clear)
    world.replies = RIGHT | HIT
    assert [await once(5), await once(10)] == [(3, listed), (3, listed)]
    world.replies = RIGHT
    assert [await once(15), await once(20)] == [(3, clear), (1, clear)]
    world.replies = HIT  # the zone is gone, and lists us
    assert await once(25) == (3, Verdict.UNKNOWN)
    world.replies = RIGHT  # back by itself; its word counts again
    assert [await once(30), await once(35)] == [(3, clear), (1, clear)]


async def test_an_answer_is_not_asked_for_again_before_its_time_to_live_has_passed() -> None:
    world = World({name: replace(reply, ttl_seconds=600) for name, reply in (RIGHT | HIT).items()})
    listed = Verdict.LISTED
    said = await rounds(world, 0, 5, 9.9, 10, 15, 20)
    assert said == [(3, listed), (0, None), (0, None), (3, listed), (0, None), (3, listed)]


async def test_no_time_to_live_holds_a_critical_zone_for_long() -> None:
    world = World({name: replace(reply, ttl_seconds=2**31) for name, reply in RIGHT.items()})
    world.replies["5.0.0.10.zen.spamhaus.org"] = Reply(is_nxdomain=True, ttl_seconds=2**31)
    said = await rounds(world, 0, 59, 60)
    assert [number for number, _ in said] == [3, 0, 1]


async def test_what_nobody_said_is_asked_for_again_at_once() -> None:
    spoiled = Reply(problem="SERVFAIL", ttl_seconds=600)
    world = World(RIGHT | {"5.0.0.10.zen.spamhaus.org": spoiled})
    assert await rounds(world, 0, 1) == [(3, Verdict.UNKNOWN)] * 2


async def test_the_reason_is_asked_for_once_and_again_when_the_codes_change() -> None:
    world = World(RIGHT | HIT)
    world.said = "see https://check.example/?s3cretkey"
    sweep, told = Sweep([world.way], keys=ZoneKeys(KEY)), []
    world.replies |= {
        name.replace(".zen.spamhaus.org", ".s3cretkey.zen.dq.spamhaus.net"): reply
        for name, reply in world.replies.items()
    }
    hit = "5.0.0.10.s3cretkey.zen.dq.spamhaus.net"
    for codes in (("127.0.0.2",), ("127.0.0.2",), ("127.0.0.3", "127.0.0.4")):
        world.replies[hit] = Reply(addresses=codes)
        (said,) = await sweep.once([ZEN], [A], number=1, now=NOW)
        told.append((said.answers, said.reason, len(world.texts)))
    assert [count for _, _, count in told] == [1, 1, 2]
    assert {reason for _, reason, _ in told} == {"see https://check.example/?<key>"}


async def test_what_is_held_is_asked_for_when_the_clock_was_set_back() -> None:
    world = World({name: replace(reply, ttl_seconds=3600) for name, reply in RIGHT.items()})
    held = Reply(is_nxdomain=True, ttl_seconds=3600)
    world.replies["5.0.0.10.zen.spamhaus.org"] = held
    said = await rounds(world, 0, 59, -24 * 60, -24 * 60 + 59)
    assert [number for number, _ in said] == [3, 0, 3, 0]


async def test_a_hijacking_resolver_neither_lists_nor_clears() -> None:
    async with DnsServer() as server:
        server.rewriting = True
        readings = await swept(server, A, B)
    assert {each.verdict for each in readings} == {Verdict.UNKNOWN}
    assert all("outside 127.0.0.0/8" in each.why for each in readings)
