"""What one heartbeat carries. Pure: readings and the account in, one Heartbeat out.

Kept small (p99 within 4 KB): totals and zone readings travel when they are news, whole only when
the collector asks. A repetition costs nothing, a loss is made good by the next one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.maillog.unknown import UnknownLines
from agent.model import (
    AgentReading,
    Cell,
    Event,
    Heartbeat,
    HostReading,
    Intake,
    Minute,
    PostfixReading,
    QueueReading,
    Reply,
    ServiceReading,
    ZoneReading,
)
from deliverability.zones import Verdict

EVENTS_MAX = 16
REMINDER_EVERY = 10
# Histograms, classes and replies may come a little later than the counts: a few in each heartbeat,
# the longest waiting first. A minute of history takes about 15 bytes.
DETAIL_BYTES_MAX = 900
REPLIES_MAX = 3
MINUTES_MAX = 60

Rounds = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The node as it is now."""

    host: HostReading | None
    queue: QueueReading
    services: tuple[ServiceReading, ...]
    postfix: PostfixReading
    agent: AgentReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the state holds, as one heartbeat shall tell it. `cells`: those changed since the last
    acknowledged heartbeat, or all when `full_state`; `zones`: all there are."""

    epoch: str
    sequence: int
    cells: Sequence[Cell]
    zones: Sequence[ZoneReading]
    events: Sequence[Event]
    log_position: bytes
    counted_to: datetime | None
    full_state: bool
    replies: Sequence[Reply] = ()
    intake: Sequence[Intake] = ()
    history: Sequence[Minute] = ()
    unknown_lines: UnknownLines | None = None


def build(
    readings: Readings, account: Account, *, acknowledged: Rounds, now: datetime
) -> Heartbeat:
    """`acknowledged`: by (address, zone), the last round of it that the collector has."""
    return Heartbeat(
        epoch=account.epoch,
        sequence=account.sequence,
        sent_at=now,
        host=readings.host,
        queue=readings.queue,
        services=readings.services,
        cells=tuple(sorted(account.cells, key=_place)),
        full_state=account.full_state,
        zones=zones_due(account, acknowledged),
        postfix=readings.postfix,
        agent=readings.agent,
        events=tuple(account.events[:EVENTS_MAX]),
        log_position=account.log_position,
        counted_to=account.counted_to,
        replies=tuple(account.replies),
        intake=tuple(account.intake),
        history=tuple(account.history),
        unknown_lines=account.unknown_lines,
    )


def _place(cell: Cell) -> tuple[str, str, str]:
    return (cell.key.address, cell.key.receiver, cell.key.instance)


def zones_due(account: Account, acknowledged: Rounds) -> tuple[ZoneReading, ...]:
    """The readings that are news, every listing, and of the rest a tenth in turn."""
    ordered = sorted(account.zones, key=lambda reading: (reading.address, reading.zone))
    return tuple(
        reading
        for place, reading in enumerate(ordered)
        if account.full_state
        or reading.verdict is Verdict.LISTED
        or reading.round > acknowledged.get((reading.address, reading.zone), 0)
        or (account.sequence + place) % REMINDER_EVERY == 0
    )


def rounds(zones: Sequence[ZoneReading]) -> dict[tuple[str, str], int]:
    """The rounds a heartbeat carried, to be remembered once it is acknowledged."""
    return {(reading.address, reading.zone): reading.round for reading in zones}
