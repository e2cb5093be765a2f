"""What one heartbeat carries. Pure: readings and the account in, one Heartbeat out.

Kept small (p99 within 4 KB): totals and zone readings travel when they are news, whole only when
the collector asks. A repetition costs nothing, a loss is made good by the next one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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
    NameserverReading,
    PostfixReading,
    QueueReading,
    Reply,
    SenderCount,
    ServiceReading,
    ZoneCounts,
    ZoneReading,
)
from deliverability.zones import Sentinels, Verdict

EVENTS_MAX = 16
ZONE_BYTES_MAX = 1_200
# Histograms, classes and replies may come a little later than the counts, and sending domains too:
# a few in each heartbeat, the longest waiting first. A minute of history takes about 15 bytes.
DETAIL_BYTES_MAX = 560
REPLIES_MAX = 3
SENDERS_MAX = 32
SENDER_BYTES_MAX = 240
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
    senders: Sequence[SenderCount] = ()
    history: Sequence[Minute] = ()
    nameservers: Sequence[NameserverReading] = ()
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
        senders=tuple(account.senders),
        history=tuple(account.history),
        zone_counts=zone_counts(account.zones),
        nameservers=tuple(account.nameservers),
        unknown_lines=account.unknown_lines,
    )


def _place(cell: Cell) -> tuple[str, str, str]:
    return (cell.key.address, cell.key.receiver, cell.key.instance)


def zones_due(account: Account, acknowledged: Rounds) -> tuple[ZoneReading, ...]:
    """The listings, then what else is news: as much as a heartbeat has room for, the gravest first.
    Listings that are no news take turns where they are many. All, when everything is wanted."""
    ordered = sorted(account.zones, key=lambda reading: (reading.address, reading.zone))
    if account.full_state or not ordered:
        return tuple(ordered)
    turn = account.sequence % len(ordered)
    rotated = [*ordered[turn:], *ordered[:turn]]
    ranked = ((_rank(one, acknowledged), one) for one in rotated)
    due = [one for _, one in sorted((each for each in ranked if each[0][0]), key=lambda e: e[0])]
    chosen: list[ZoneReading] = []
    zones: set[str] = set()
    spent = 0
    for one in due:
        spent += _bytes(one, zones)
        if chosen and spent > ZONE_BYTES_MAX:
            break
        chosen.append(one)
        zones.add(one.zone)
    return tuple(sorted(chosen, key=lambda reading: (reading.address, reading.zone)))


def zone_counts(readings: Sequence[ZoneReading]) -> ZoneCounts:
    """What is not clear is never hidden among what is."""
    wrong = sum(one.sentinels is Sentinels.WRONG for one in readings)
    said = Counter(one.verdict for one in readings if one.sentinels is not Sentinels.WRONG)
    return ZoneCounts(
        listed=said[Verdict.LISTED],
        clear=said[Verdict.CLEAR],
        unknown=said[Verdict.UNKNOWN],
        quarantined=wrong,
    )


def _rank(reading: ZoneReading, acknowledged: Rounds) -> tuple[int, str]:
    """The gravest first, and of what travels together those of one zone; 0: it need not travel."""
    is_news = reading.round > acknowledged.get((reading.address, reading.zone), 0)
    if reading.verdict is Verdict.LISTED:
        return (1 if is_news else 3), ""
    if not is_news:
        return 0, ""
    return (4, reading.zone) if is_plain(reading) else (2, "")


def is_plain(reading: ZoneReading) -> bool:
    """Clear, and nothing more to say: such readings travel together."""
    return (
        reading.verdict is Verdict.CLEAR
        and reading.sentinels is Sentinels.RIGHT
        and not (reading.answers or reading.why or reading.reason)
    )


def _bytes(reading: ZoneReading, zones: Collection[str]) -> int:
    """About what it takes in a heartbeat that names these zones already."""
    if is_plain(reading):
        return 2 if reading.zone in zones else len(reading.zone) + 4
    words = (reading.address, reading.zone, reading.why, reading.reason)
    return sum(map(len, words)) + 12 * len(reading.answers) + 30


def rounds(zones: Sequence[ZoneReading]) -> dict[tuple[str, str], int]:
    """The rounds a heartbeat carried, to be remembered once it is acknowledged."""
    return {(reading.address, reading.zone): reading.round for reading in zones}
