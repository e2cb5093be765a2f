"""Which zones a node looks at, what it does with those handed out, and its nameservers' test."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from agent.dnsbl import codec, sockets
from agent.dnsbl.sweep import Sweep
from agent.dnsbl.watch import Chance, ZoneWatch
from agent.model import HandedOut, NameserverState
from deliverability import nameservers, zones, zones_rows
from deliverability.catalogue import CATALOGUE, SHIPPED, Catalogue, Override
from deliverability.zones import ZEN, QueryName, Reply, Tier, Verdict, ZoneKey, ZoneKeys
from demo.dns import HIJACK, DnsServer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
A, V6 = "198.51.100.7", "2001:db8::25"
SPAMCOP = CATALOGUE["bl.spamcop.net"]
CHANCE = Chance(luck=lambda: 0.0, token=lambda: "nobodyhasthisname")
MINUTE = timedelta(minutes=1)


def watch(
    *addresses: str, chosen: tuple[str, ...] | None = None, server: DnsServer | None = None
) -> ZoneWatch:
    place = server.address if server else "127.0.0.1:9"
    sweep = Sweep(sockets.ways([nameservers.parse(place)], seconds=0.2))
    return ZoneWatch(sweep, addresses or (A,), chosen=chosen, keys=ZoneKeys(), chance=CHANCE)


def handed(*names: str, revision: int = 7, pace: timedelta = MINUTE) -> HandedOut:
    zones = [Catalogue(overrides={name: Override(is_enabled=True)})[name] for name in names]
    rows = zones_rows.hand_out(SHIPPED, zones, paces=dict.fromkeys(names, pace))
    return HandedOut(revision=revision, rows=rows)


def names(watched: ZoneWatch) -> set[str]:
    return {zone.name for zone in watched.zones}


def test_until_the_collector_says_its_own_zones_are_looked_at() -> None:
    assert names(watch()) == {zone.name for zone in CATALOGUE.enabled()}
    of_ip6 = {zone.name for zone in CATALOGUE.enabled() if ":" in V6 and len(zone.kinds) > 1}
    assert names(watch(V6)) == of_ip6
    assert names(watch(chosen=())) == set()


def test_then_those_handed_out_at_the_pace_handed_out() -> None:
    watched = watch()
    watched.take(handed(ZEN.name, SPAMCOP.name))
    assert names(watched) == {ZEN.name, SPAMCOP.name}
    assert watched.revision == 7
    assert {zone.pace for zone in watched.zones} == {MINUTE}
    watched.pace(critical=5 * MINUTE)  # an older word
    assert {zone.pace for zone in watched.zones} == {MINUTE}
    (zen,) = (zone for zone in watched.zones if zone.name == ZEN.name)
    assert (zen.codes, zen.errors, zen.keyed_suffix) == (ZEN.codes, ZEN.errors, ZEN.keyed_suffix)
    assert (zen.tier, zen.kinds, zen.operator) == (ZEN.tier, ZEN.kinds, ZEN.operator)


def test_the_welcome_says_the_critical_pace_until_then() -> None:
    watched = watch()
    watched.pace(critical=MINUTE)
    paces = {zone.tier: zone.pace for zone in watched.zones}
    assert paces[Tier.CRITICAL] == MINUTE
    assert paces[Tier.MAJOR] == 60 * MINUTE


def test_a_nodes_own_choice_stands() -> None:
    watched = watch(chosen=(ZEN.name,))
    watched.take(handed(ZEN.name, SPAMCOP.name))
    assert names(watched) == {ZEN.name}
    watched.take(handed(SPAMCOP.name))
    assert names(watched) == {ZEN.name}


LINE = handed(ZEN.name).rows.splitlines()[1]
HEAD = handed(ZEN.name).rows.splitlines()[0]


@pytest.mark.parametrize(
    "rows, why",
    [
        ("nonsense\nzone.example", "'zone.example'"),
        ("name\tcodes\nzen.spamhaus.org\t127.0.0.2=pause:x", "is missing"),
        (HEAD + "\n" + LINE + "\n" + LINE, "two rows"),
        (HEAD + "\n" + LINE.replace("critical", "dire"), "'dire'"),
        (HEAD + "\n" + LINE.replace("127.0.0.2=pause", "8.8.8.8.8=pause"), "not an answer"),
        (HEAD + "\n" + LINE.replace("zen.spamhaus.org", "ZEN spamhaus", 1), "no zone's name"),
        (HEAD + "\n" + LINE.replace("{key}.zen", "{key}{key}.zen"), "no zone's name"),
        (HEAD + "\n" + LINE[: LINE.rindex("\t")] + "\t0", "no pace"),
        (HEAD + "\n" + LINE[: LINE.rindex("\t")], "columns"),
        (
            HEAD + "".join(f"\nz{n}.example" + "\t" * HEAD.count("\t") for n in range(257)),
            "257 zones",
        ),
        ("x" * 200_000, "more than"),
    ],
)
def test_what_cannot_be_read_changes_nothing(rows: str, why: str) -> None:
    watched = watch()
    before = watched.zones
    with pytest.raises(ValueError, match=re.escape(why)) as refused:
        watched.take(HandedOut(revision=9, rows=rows))
    assert (watched.zones, watched.revision) == (before, 0)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


def test_the_dead_are_not_looked_at_whoever_says_so() -> None:
    dead = LINE.replace("zen.spamhaus.org", "dnsbl.sorbs.net", 1)
    watched = watch()
    watched.take(HandedOut(revision=9, rows=f"{HEAD}\n{LINE}\n{dead}"))
    assert names(watched) == {ZEN.name}


def test_a_key_goes_only_where_we_know_it_belongs() -> None:
    stolen = LINE.replace("zen.dq.spamhaus.net", "zen.dq.thief.example")
    other = LINE.replace("zen.spamhaus.org", "zen.thief.example", 1)
    watched = watch()
    watched.take(HandedOut(revision=9, rows=f"{HEAD}\n{stolen}\n{other}"))
    assert {zone.name: zone.keyed_suffix for zone in watched.zones} == {
        ZEN.name: "",
        "zen.thief.example": "",
    }


def test_every_name_that_is_taken_can_be_asked() -> None:
    """The longest zone, about an IPv6 address, under the longest key."""
    longest = ".".join(["z" * 59] * 2)
    keyed = LINE.replace("zen.spamhaus.org", longest, 1)
    watched = watch("2001:db8::25")
    watched.take(HandedOut(revision=9, rows=f"{HEAD}\n{keyed}\n{LINE}"))
    key = ZoneKey("k" * 63)
    for zone in watched.zones:
        codec.question(zones.query_name(zone, "2001:db8::25", key=key))
    assert len(watched.zones) == 2
    with pytest.raises(ValueError, match="no zone's name"):
        watched.take(
            HandedOut(revision=9, rows=f"{HEAD}\n{keyed.replace(longest, 'zz' + longest)}")
        )


async def test_whether_critical_zones_are_blind_is_judged_over_their_last_words() -> None:
    async with DnsServer([ZEN, SPAMCOP]) as server:
        watched = watch(chosen=(ZEN.name, SPAMCOP.name), server=server)
        assert watched.problem == ""
        await watched.once(number=1, now=NOW)
        await watched.once(number=2, now=NOW + 5 * MINUTE)
        assert watched.problem == ""
        server.servfail()
        await watched.once(number=3, now=NOW + 70 * MINUTE)
        assert watched.problem == "no usable answer: SERVFAIL"
        server.servfail(zone=SPAMCOP)
        server.normal()
        await watched.once(number=4, now=NOW + 76 * MINUTE)
        assert watched.problem == ""  # a major zone that is silent blinds nobody


def test_columns_of_a_later_version_are_passed_over() -> None:
    watched = watch()
    watched.take(HandedOut(revision=9, rows=f"{HEAD}\tcolour\n{LINE}\tred"))
    assert names(watched) == {ZEN.name}


async def test_rounds_of_an_earlier_run_count() -> None:
    async with DnsServer() as server:
        first = watch(chosen=(ZEN.name,), server=server)
        readings = await first.once(number=1, now=NOW)
        assert [one.verdict for one in readings] == [Verdict.CLEAR]
        second = watch(chosen=(ZEN.name,), server=server)
        second.resume(readings)
        assert await second.once(number=2, now=NOW + MINUTE) == ()
        assert len(await second.once(number=2, now=NOW + 5 * MINUTE)) == 1


@pytest.mark.parametrize(
    "mood, state, why",
    [
        ("normal", NameserverState.GOOD, ""),
        ("refuse", NameserverState.REFUSED, "127.255.255.254"),
        ("silent", NameserverState.SILENT, "timeout"),
        ("servfail", NameserverState.SILENT, "SERVFAIL"),
        ("rewriting", NameserverState.REWRITES, HIJACK),
    ],
)
async def test_what_its_nameservers_are(mood: str, state: NameserverState, why: str) -> None:
    async with DnsServer() as server:
        if mood == "rewriting":
            server.rewriting = True
        else:
            getattr(server, mood)()
        watched = watch(chosen=(ZEN.name,), server=server)
        await watched.once(number=1, now=NOW)
        (found,) = watched.nameservers
        assert (found.nameserver, found.state) == (server.address, state)
        assert why in found.why
        # Well again, and looked at again: sooner when something was wrong.
        server.normal()
        server.rewriting = False
        await watched.once(number=2, now=NOW + 11 * MINUTE)
        await watched.once(number=3, now=NOW + 361 * MINUTE)
        assert watched.nameservers[0].state is NameserverState.GOOD


def test_everybodys_resolver_is_told_as_such() -> None:
    (way,) = sockets.ways([nameservers.parse("8.8.8.8")])
    assert way.whose.is_public
    assert not way.whose.is_chosen


@pytest.mark.parametrize(
    "own, state", [((A,), NameserverState.PUBLIC), ((A, "203.0.113.9"), NameserverState.GOOD)]
)
async def test_a_nameserver_that_asks_from_elsewhere_is_shared(
    own: tuple[str, ...], state: NameserverState
) -> None:
    said = {
        "2.0.0.127.zen.spamhaus.org": Reply(addresses=("127.0.0.2",)),
        "whoami.akamai.net": Reply(addresses=("203.0.113.9",)),
    }

    async def ask(names: Sequence[QueryName]) -> tuple[Reply, ...]:
        return tuple(said.get(str(name), Reply(is_nxdomain=True)) for name in names)

    (way,) = sockets.ways([nameservers.parse("127.0.0.1")], own=own)
    sweep = Sweep([replace(way, ask=ask)])
    watched = ZoneWatch(sweep, (A,), chosen=(ZEN.name,), keys=ZoneKeys(), chance=CHANCE)
    await watched.once(number=1, now=NOW)
    assert watched.nameservers[0].state is state


async def test_no_reading_and_no_look_shows_a_key() -> None:
    async with DnsServer() as server:
        sweep = Sweep(
            sockets.ways([nameservers.parse(server.address)]), keys=ZoneKeys(ZoneKey("s3cretkey"))
        )
        keys = ZoneKeys(ZoneKey("s3cretkey"))
        watched = ZoneWatch(sweep, (A,), chosen=(ZEN.name,), keys=keys, chance=CHANCE)
        server.list(A)
        server.say("ask https://x.example/s3cretkey")
        told = repr(await watched.once(number=1, now=NOW)) + repr(watched.nameservers)
    assert "listed" in told.lower()
    assert "s3cretkey" not in told
