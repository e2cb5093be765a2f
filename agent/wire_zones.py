"""What zones say, and which are to be asked, between our types and messages."""

from collections.abc import Sequence
from datetime import datetime

from agent import report
from agent.model import (
    HandedOut,
    Heartbeat,
    NameserverReading,
    NameserverState,
    ZoneCounts,
    ZoneReading,
)
from agent.wire_counts import TEXT_MAX, cut, milliseconds
from deliverability.zones import REASON_LENGTH_MAX, Sentinels, Verdict
from deliverability.zones_rows import HANDED_OUT_BYTES_MAX
from protos import fleet_pb2 as pb

ANSWERS_MAX = 16

VERDICTS = {verdict: pb.Verdict.Value(f"VERDICT_{verdict.name}") for verdict in Verdict}
SENTINELS = {one: pb.Sentinels.Value(f"SENTINELS_{one.name}") for one in Sentinels}
STATES = {
    state: pb.NameserverState.Value(f"NAMESERVER_STATE_{state.name}") for state in NameserverState
}


def put(message: pb.Heartbeat, beat: Heartbeat) -> None:
    """Readings that are clear, and nothing more, travel together."""
    message.zones.extend(zone_out(one) for one in beat.zones if not report.is_plain(one))
    message.zones_clear.extend(_clear([one for one in beat.zones if report.is_plain(one)]))
    if beat.zone_counts != ZoneCounts():
        counts = {name: getattr(beat.zone_counts, name) for name in ZoneCounts.__slots__}
        message.zone_counts.CopyFrom(pb.ZoneCounts(**counts))
    message.nameservers.extend(map(_nameserver, beat.nameservers))


def zone_out(zone: ZoneReading) -> pb.ZoneReading:
    return pb.ZoneReading(
        address=zone.address,
        zone=cut(zone.zone, 253),
        verdict=VERDICTS[zone.verdict],
        answers=zone.answers[:ANSWERS_MAX],
        sentinels=SENTINELS[zone.sentinels],
        round=zone.round,
        checked_at_ms=milliseconds(zone.checked_at),
        why=cut(zone.why, TEXT_MAX),
        reason=cut(zone.reason, REASON_LENGTH_MAX),
    )


def handed_out(message: pb.Catalogue) -> HandedOut:
    """ValueError when it is too long or has no number; what is in it is looked at later."""
    if not 0 < message.revision < 2**63 or len(message.rows) > HANDED_OUT_BYTES_MAX:
        raise ValueError(f"a catalogue {message.revision} of {len(message.rows)} characters")
    return HandedOut(revision=message.revision, rows=message.rows)


def _clear(readings: Sequence[ZoneReading]) -> list[pb.ZonesClear]:
    """By round, and in it by the addresses the zones are clear of."""
    of_round: dict[tuple[int, datetime], dict[str, list[str]]] = {}
    for one in readings:
        zones = of_round.setdefault((one.round, one.checked_at), {})
        zones.setdefault(one.zone, []).append(one.address)
    return [
        pb.ZonesClear(
            round=number, checked_at_ms=milliseconds(at), zones=zones, addresses=addresses
        )
        for (number, at), said in of_round.items()
        for addresses, zones in _turned(said).items()
    ]


def _turned(said: dict[str, list[str]]) -> dict[tuple[str, ...], list[str]]:
    zones: dict[tuple[str, ...], list[str]] = {}
    for zone, addresses in said.items():
        zones.setdefault(tuple(addresses), []).append(zone)
    return zones


def _nameserver(reading: NameserverReading) -> pb.NameserverReading:
    return pb.NameserverReading(
        nameserver=reading.nameserver,
        state=STATES[reading.state],
        why=cut(reading.why, TEXT_MAX),
        checked_at_ms=milliseconds(reading.checked_at),
    )
