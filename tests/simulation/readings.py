"""What every simulated node says of its machine, and directives in the words of either side."""

from collections.abc import Iterable

from agent import self_silence
from agent.model import AddressOrder, Directive
from agent.model import ZoneReading as OwnReading
from collector.core.heartbeat import (
    AgentReading,
    Cell,
    HostReading,
    QueueReading,
    SenderCount,
    ZoneReading,
)
from collector.core.model import Order
from collector.core.readings import StandingOrders
from deliverability.receivers import LOCAL
from tests.simulation.clock import START

GIB = 2**30


def said(reading: ZoneReading) -> tuple[object, ...]:
    return reading.verdict, reading.sentinels, reading.answers


def own(reading: ZoneReading) -> OwnReading:
    """In the agent's words."""
    return OwnReading(
        address=reading.address,
        zone=reading.zone,
        verdict=reading.verdict,
        answers=reading.answers,
        sentinels=reading.sentinels,
        round=reading.round,
        checked_at=reading.checked_at,
    )


def directive(given: Order) -> Directive:
    return Directive(
        term=given.term,
        revision=given.revision,
        node_pauses=given.node_pauses,
        addresses=tuple(AddressOrder(address=ip, pauses=held) for ip, held in given.addresses),
        standing=None
        if given.standing is None
        else self_silence.StandingOrders(
            unheard_for=given.standing.unheard_for, sweeps=given.standing.sweeps
        ),
        standing_lifted=given.standing_lifted,
    )


def order(given: Directive) -> Order:
    return Order(
        term=given.term,
        revision=given.revision,
        node_pauses=given.node_pauses,
        addresses=tuple((one.address, one.pauses) for one in given.addresses),
        standing=None
        if given.standing is None
        else StandingOrders(unheard_for=given.standing.unheard_for, sweeps=given.standing.sweeps),
        standing_lifted=given.standing_lifted,
    )


HOST = HostReading(
    cpu_ratio=0.1,
    cpu_count=2,
    memory_bytes_total=2 * GIB,
    memory_bytes_used=GIB,
    load_1m=0.2,
    disk_bytes_total=40 * GIB,
    disk_bytes_used=10 * GIB,
    inodes_total=10**6,
    inodes_used=10**5,
    network_bytes_received=0,
    network_bytes_sent=0,
    network_packets_received=0,
    network_packets_sent=0,
    uptime_seconds=3600,
)
QUEUE = QueueReading(active=1, incoming=0, deferred=2, hold=0, maildrop=0, oldest_age_seconds=None)
AGENT = AgentReading(
    started_at=START,
    lines_read=0,
    lines_unparsed=0,
    events_lost=0,
    state_errors=0,
    memory_bytes=40_000_000,
    problems=(),
)


def sender(name: str, cells: Iterable[Cell]) -> SenderCount:
    """All that left the node was for one domain of its own."""
    sums = dict.fromkeys(SenderCount._fields[1:], 0)
    for cell in cells:
        if cell.receiver != LOCAL:
            counted = {outcome.value: number for outcome, number in cell.attempts}
            counted |= cell.numbers._asdict()
            for field in sums:
                sums[field] += counted.get(field, 0)
    return SenderCount(domain_of(name), **sums)


def domain_of(name: str) -> str:
    """A copy of a node sends for the same."""
    return f"{name.removesuffix(' clone')}.example"
