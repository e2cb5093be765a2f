"""What an agent writes its collector reads, and the other way round, without loss."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import wire as agent_wire
from agent.maillog.unknown import UnknownLines
from agent.model import (
    EventKind,
    HandedOut,
    NameserverReading,
    NameserverState,
    NewEpoch,
    ReconnectAfter,
    SenderCount,
    ZoneCounts,
)
from agent.wire_counts import OUTCOMES
from collector.core import heartbeat as collected
from collector.core.model import Order
from collector.rpc import wire as collector_wire
from collector.rpc.wire import Arrival
from deliverability import senders
from deliverability.zones import Verdict
from tests.agent.samples import HEARTBEAT, HELLO, NOW, ZONE

ARRIVAL = Arrival(node_id="node-1", at=NOW)


def heard(**changes: object) -> collected.Heartbeat:
    sent = agent_wire.encode_heartbeat(replace(HEARTBEAT, **changes))  # type: ignore[arg-type]
    message = collector_wire.decode(sent, ARRIVAL)
    assert isinstance(message, collected.Heartbeat)
    return message


def test_a_heartbeat_arrives_whole() -> None:
    beat = heard()
    assert (beat.epoch, beat.sequence, beat.sent_at) == ("epoch-1", 42, NOW)
    assert beat.host is not None
    assert HEARTBEAT.host is not None
    for name in type(HEARTBEAT.host).__slots__:
        assert getattr(beat.host, name) == getattr(HEARTBEAT.host, name), name
    assert (beat.queue.deferred, beat.queue.maildrop) == (7, None)
    assert dict(beat.cells[0].attempts) == HEARTBEAT.cells[0].attempts
    (zone,) = beat.zones
    assert (zone.verdict, zone.answers, zone.round) == (ZONE.verdict, ZONE.answers, ZONE.round)
    assert beat.postfix.order == (3, 8)
    assert (beat.postfix.convergence, beat.postfix.is_silent) == ("verified", True)
    assert [event.kind for event in beat.events] == ["zone_changed", "log_gap"]
    assert beat.events[1].window == HEARTBEAT.events[1].window
    assert beat.log_position == HEARTBEAT.log_position
    assert beat.counted_to == HEARTBEAT.counted_to


def test_sending_domains_arrive_whole() -> None:
    one = SenderCount(
        domain="news.shop.example",
        sent=1,
        deferred=2,
        bounced=3,
        first_sent=4,
        first_deferred=5,
        first_bounced=6,
        first_unknown=2**40,
    )
    many = tuple(SenderCount(domain=name, sent=7) for name in sorted(senders.RESERVED))
    told = heard(senders=(one, *many)).senders
    assert told[0] == collected.SenderCount("news.shop.example", 1, 2, 3, 4, 5, 6, 2**40)
    assert [(found.domain, found.sent) for found in told[1:]] == [
        (name, 7) for name in sorted(senders.RESERVED)
    ]
    assert heard().senders == ()


def test_what_was_not_understood_arrives_whole() -> None:
    sent = UnknownLines(
        lines=2**40,
        deliveries=1,
        overlong=2,
        by_daemon={"qmgr": 3, "x" * 99: 4},
        newest=("a line\x1b of …@x.example", "y" * 400),
        by_host={"relay7": 5},
    )
    told = heard(unknown_lines=sent).unknown_lines
    assert told is not None
    assert (told.lines, told.deliveries, told.overlong) == (2**40, 1, 2)
    assert told.daemons == (("qmgr", 3), ("x" * 64, 4))
    assert told.hosts == (("relay7", 5),)
    assert told.newest == ("a line? of …@x.example", "y" * 300)
    assert heard().unknown_lines is None


def test_what_is_clear_travels_together_and_arrives_one_by_one() -> None:
    clear = [
        replace(ZONE, address=ip, zone=zone, verdict=Verdict.CLEAR, answers=(), round=number)
        for number, zone in ((12, "a.example"), (12, "b.example"), (13, "c.example"))
        for ip in ("198.51.100.7", "2001:db8::1")
    ]
    odd = replace(clear[0], zone="white.example", answers=("127.0.5.1",))
    told = heard(zones=(ZONE, *clear, odd)).zones
    said = {(one.address, one.zone): one for one in told}
    assert len(told) == len(said) == 8
    for one in (ZONE, *clear, odd):
        other = said[one.address, one.zone]
        assert (one.verdict, one.answers, one.round) == (other.verdict, other.answers, other.round)
        assert (one.sentinels, one.checked_at) == (other.sentinels, other.checked_at)


def test_counts_reasons_and_nameservers_arrive_whole() -> None:
    reading = NameserverReading(
        nameserver="[2001:db8::53]:53",
        state=NameserverState.REWRITES,
        why="it answers 203.0.113.80 for a name that does not exist",
        checked_at=NOW,
    )
    counts = ZoneCounts(listed=1, clear=2, unknown=3, quarantined=4)
    beat = heard(
        zones=(replace(ZONE, reason="because"),), nameservers=(reading,), zone_counts=counts
    )
    assert beat.zones[0].reason == "because"
    assert asdict(beat.zone_counts) == asdict(counts)
    assert [asdict(one) for one in beat.nameservers] == [asdict(reading) | {"state": "rewrites"}]
    assert heard().nameservers == ()


def test_the_zones_handed_out_arrive_whole() -> None:
    sent = collected.HandedOut(revision=2**63 - 1, rows="name\tcodes\nzone.example\tx=y")
    got = agent_wire.decode(collector_wire.encode_catalogue(sent))
    assert got == HandedOut(revision=sent.revision, rows=sent.rows)
    hello = replace(HELLO, catalogue_revision=sent.revision)
    told = collector_wire.decode(agent_wire.encode_hello(hello), ARRIVAL)
    assert isinstance(told, collected.Hello)
    assert told.catalogue_revision == sent.revision


@pytest.mark.parametrize("revision, rows", [(0, "name"), (2**63, "name"), (1, "x" * 200_000)])
def test_zones_past_their_bounds_are_refused(revision: int, rows: str) -> None:
    sent = collector_wire.encode_catalogue(collected.HandedOut(revision=revision, rows=rows))
    with pytest.raises(agent_wire.WireError, match="a catalogue"):
        agent_wire.decode(sent)


def test_a_hello_arrives_whole() -> None:
    hello = collector_wire.decode(agent_wire.encode_hello(HELLO), ARRIVAL)
    assert isinstance(hello, collected.Hello)
    assert (hello.run_id, hello.epoch, hello.sequence) == (HELLO.run_id, HELLO.epoch, 41)
    assert hello.applied is not None
    assert HELLO.applied is not None
    assert hello.applied.order == HELLO.applied.order
    assert hello.applied.node_pauses == ("OPERATOR",)
    assert hello.addresses == HELLO.addresses


@given(st.text(max_size=600))
def test_no_word_of_the_outside_world_ends_the_stream(text: str) -> None:
    beat = heard(
        zones=(replace(ZONE, why=text),),
        postfix=replace(HEARTBEAT.postfix, problem=text),
        agent=replace(HEARTBEAT.agent, problems=(text,) * 20),
        events=(replace(HEARTBEAT.events[0], text=text),),
    )
    assert len(beat.zones[0].why) == min(len(text), 300)


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_is_known(kind: EventKind) -> None:
    event = replace(HEARTBEAT.events[0], kind=kind)
    assert heard(events=(event,)).events[0].kind == kind.value


def test_every_outcome_is_known() -> None:
    cell = replace(HEARTBEAT.cells[0], attempts=dict.fromkeys(OUTCOMES, 5))
    assert dict(heard(cells=(cell,)).cells[0].attempts) == cell.attempts


def test_what_the_collector_writes_an_agent_reads() -> None:
    order = Order(term=7, revision=12, addresses=(("198.51.100.7", ("LISTED",)),))
    directive = agent_wire.decode(collector_wire.encode_order(order))
    assert directive.order == (7, 12)  # type: ignore[union-attr]
    assert directive.addresses[0].pauses == ("LISTED",)  # type: ignore[union-attr]
    told = collected.NewEpoch(log_position=b"there", counted_to=NOW)
    new_epoch = agent_wire.decode(collector_wire.encode_new_epoch(told))
    assert new_epoch == NewEpoch(log_position=b"there", counted_to=NOW)
    later = agent_wire.decode(collector_wire.encode_reconnect_after(timedelta(seconds=3)))
    assert later == ReconnectAfter(delay=timedelta(seconds=3))
