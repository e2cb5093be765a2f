"""What the collector says, out of its messages: a part of the wire. Validates and refuses
(WireError); never repairs."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address

from google.protobuf.message import DecodeError

from agent import wire_zones
from agent.model import (
    Ack,
    AddressOrder,
    Directive,
    FromCollector,
    NewEpoch,
    ReconnectAfter,
    RecountRequest,
    StandingOrders,
    Welcome,
)
from agent.wire_counts import EPOCH, NAME_MAX
from protos import fleet_pb2 as pb

MESSAGE_BYTES_MAX = 262_144
PAUSES_MAX = 32
ADDRESSES_MAX = 64
POSITION_BYTES_MAX = 4_096
NUMBER_MAX = 2**63 - 1
INTERVAL_MIN = timedelta(milliseconds=100)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TIME_MS_MAX = 253_402_300_799_000  # the end of the year 9999


class WireError(Exception):
    """What came from the collector is not what the wire allows; this stream ends."""


def decode(data: bytes) -> FromCollector:
    """One message of the stream; WireError when it is not one we may act on."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise WireError(f"a message of {len(data)} bytes")
    message = pb.CollectorMessage()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise WireError(f"not a message: {error}") from error
    kind = message.WhichOneof("body")
    if kind == "welcome":
        return _welcome(message.welcome)
    if kind == "ack":
        return _ack(message.ack)
    if kind == "directive":
        return _directive(message.directive)
    if kind == "new_epoch":
        return _new_epoch(message.new_epoch)
    if kind == "recount":
        return _recount_request(message.recount)
    if kind == "catalogue":
        try:
            return wire_zones.handed_out(message.catalogue)
        except ValueError as error:
            raise WireError(str(error)) from error
    if kind == "reconnect_after":
        delay = _duration("delay", message.reconnect_after.delay_ms, most=HOUR)
        return ReconnectAfter(delay=delay)
    raise WireError("a message without a body this agent knows")


def _welcome(message: pb.Welcome) -> Welcome:
    interval = _duration(
        "heartbeat_interval", message.heartbeat_interval_ms, least=INTERVAL_MIN, most=HOUR
    )
    after = message.history_after_ms
    return Welcome(
        term=_counter("term", message.term),
        node_id=_name("node_id", text=message.node_id),
        heartbeat_interval=interval,
        heartbeat_jitter=_duration("heartbeat_jitter", message.heartbeat_jitter_ms, most=interval),
        reconnect_spread=_duration("reconnect_spread", message.reconnect_spread_ms, most=HOUR),
        sweep_critical=_duration(
            "sweep_critical", message.sweep_critical_ms, least=INTERVAL_MIN, most=DAY
        ),
        collector_time=_moment("collector_time", message.collector_time_ms),
        full_state=message.full_state,
        replay_events=message.replay_events,
        history_after=_moment("history_after", after) if after else None,
    )


def _ack(message: pb.Ack) -> Ack:
    if message.events_upto > NUMBER_MAX:
        raise WireError(f"events_upto: {message.events_upto}")
    return Ack(
        epoch=_name("epoch", text=message.epoch),
        sequence=_counter("sequence", message.sequence),
        events_upto=message.events_upto,
    )


def _directive(message: pb.Directive) -> Directive:
    if len(message.addresses) > ADDRESSES_MAX:
        raise WireError(f"a directive with {len(message.addresses)} addresses")
    orders = tuple(
        AddressOrder(address=_address(order.address), pauses=_pauses(order.pauses))
        for order in message.addresses
    )
    if len({order.address for order in orders}) != len(orders):
        raise WireError("a directive with the same address twice")
    return Directive(
        term=_counter("term", message.term),
        revision=_counter("revision", message.revision),
        node_pauses=_pauses(message.node_pauses),
        addresses=orders,
        standing=_standing(message.standing) if message.HasField("standing") else None,
        standing_lifted=_moment("standing_lifted", message.standing_lifted_ms)
        if message.standing_lifted_ms
        else None,
    )


def _standing(message: pb.StandingOrders) -> StandingOrders:
    """Refused without both: a node that silences itself at once would be nobody's wish."""
    if not message.unheard_ms or not message.sweeps:
        raise WireError("standing orders without a time or a number of sweeps")
    return StandingOrders(
        unheard_for=timedelta(milliseconds=message.unheard_ms), sweeps=message.sweeps
    )


def _new_epoch(message: pb.NewEpoch) -> NewEpoch:
    if len(message.log_position) > POSITION_BYTES_MAX:
        raise WireError(f"a log position of {len(message.log_position)} bytes")
    counted = message.counted_to_ms
    return NewEpoch(
        log_position=message.log_position,
        counted_to=_moment("counted_to", counted) if counted else None,
    )


def _recount_request(message: pb.RecountRequest) -> RecountRequest:
    if len(message.log_position) > POSITION_BYTES_MAX:
        raise WireError(f"a log position of {len(message.log_position)} bytes")
    return RecountRequest(
        number=_counter("number", message.number),
        epoch=_name("epoch", text=message.epoch),
        log_position=message.log_position,
    )


def _counter(name: str, value: int) -> int:
    if not 1 <= value <= NUMBER_MAX:
        raise WireError(f"{name}: {value}")
    return value


def _duration(
    name: str, milliseconds: int, *, least: timedelta = timedelta(0), most: timedelta
) -> timedelta:
    duration = timedelta(milliseconds=milliseconds)
    if not least <= duration <= most:
        raise WireError(f"{name}: {duration} is not within {least} to {most}")
    return duration


def _moment(name: str, milliseconds: int) -> datetime:
    if not 0 < milliseconds <= TIME_MS_MAX:
        raise WireError(f"{name}: {milliseconds} ms is no time")
    return EPOCH + timedelta(milliseconds=milliseconds)


def _name(what: str, *, text: str) -> str:
    if not 1 <= len(text) <= NAME_MAX or not text.isprintable():
        raise WireError(f"{what}: {text[:80]!r}")
    return text


def _pauses(names: Iterable[str]) -> tuple[str, ...]:
    pauses = tuple(_name("pause", text=name) for name in names)
    if len(pauses) > PAUSES_MAX:
        raise WireError(f"{len(pauses)} pauses of one subject")
    return pauses


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise WireError(f"address: {text[:80]!r}") from error
