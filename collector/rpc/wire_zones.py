"""What nodes say of zones and nameservers, out of messages. Refuses (WireError), never repairs."""

from collections.abc import Sequence

from collector.core.heartbeat import NameserverReading, ZoneCounts, ZoneReading
from collector.rpc import bounds
from collector.rpc.bounds import LONG_NAME_MAX
from deliverability.zones import REASON_LENGTH_MAX, Sentinels, Verdict
from protos import fleet_pb2 as pb

VERDICTS = {int(pb.Verdict.Value(f"VERDICT_{one.name}")): one for one in Verdict}
SENTINELS = {int(pb.Sentinels.Value(f"SENTINELS_{one.name}")): one for one in Sentinels}
STATES = {
    int(number): name.removeprefix("NAMESERVER_STATE_").lower()
    for name, number in pb.NameserverState.items()
    if number
}
NAMESERVERS_MAX = 16


def readings(m: pb.Heartbeat) -> tuple[ZoneReading, ...]:
    """Those told one by one, then those that are clear together."""
    together = sum(len(one.zones) * len(one.addresses) for one in m.zones_clear)
    bounds.few("zones", len(m.zones) + together, most=bounds.ZONES_MAX)
    if not m.zones_clear:
        return tuple(map(reading, m.zones))
    clear = [found for one in m.zones_clear for found in _clear(one)]
    return (*map(reading, m.zones), *clear)


def reading(m: pb.ZoneReading) -> ZoneReading:
    bounds.few("answers", len(m.answers), most=bounds.ANSWERS_MAX)
    return ZoneReading(
        address=bounds.address(m.address),
        zone=bounds.name("zone", value=m.zone, most=LONG_NAME_MAX),
        verdict=bounds.known("verdict", m.verdict, names=VERDICTS),
        answers=tuple(bounds.address(answer) for answer in m.answers),
        sentinels=bounds.known("sentinels", m.sentinels, names=SENTINELS),
        round=bounds.number("round", m.round),
        checked_at=bounds.moment("checked_at", m.checked_at_ms),
        why=bounds.text("why", value=m.why),
        reason=bounds.text("reason", value=m.reason, most=REASON_LENGTH_MAX),
    )


def counts(m: pb.ZoneCounts) -> ZoneCounts:
    return ZoneCounts(listed=m.listed, clear=m.clear, unknown=m.unknown, quarantined=m.quarantined)


def nameservers(messages: Sequence[pb.NameserverReading]) -> tuple[NameserverReading, ...]:
    bounds.few("nameservers", len(messages), most=NAMESERVERS_MAX)
    return tuple(
        NameserverReading(
            nameserver=bounds.name("nameserver", value=m.nameserver),
            state=bounds.known("nameserver.state", m.state, names=STATES),
            why=bounds.text("nameserver.why", value=m.why),
            checked_at=bounds.moment("nameserver.checked_at", m.checked_at_ms),
        )
        for m in messages
    )


def _clear(m: pb.ZonesClear) -> list[ZoneReading]:
    number, at = bounds.number("round", m.round), bounds.moment("checked_at", m.checked_at_ms)
    addresses = bounds.addresses(m.addresses)
    return [
        ZoneReading(
            address=address,
            zone=bounds.name("zone", value=zone, most=LONG_NAME_MAX),
            verdict=Verdict.CLEAR,
            answers=(),
            sentinels=Sentinels.RIGHT,
            round=number,
            checked_at=at,
            why="",
        )
        for zone in m.zones
        for address in addresses
    ]
