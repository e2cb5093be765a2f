# long: one file alone may see the messages of the stream, so both directions stand here.
"""Protobuf messages end here and in `wire_counts`: bytes in and out, our own values inside.

Decoding validates and refuses (WireError); it never repairs. What the agent says of itself is cut
to the wire's bounds, for those are its own words.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address

from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError

from agent import wire_counts, wire_zones
from agent.model import (
    Ack,
    AddressOrder,
    Convergence,
    Directive,
    Event,
    EventKind,
    FromCollector,
    Heartbeat,
    Hello,
    HostReading,
    NewEpoch,
    PostfixReading,
    QueueReading,
    ReconnectAfter,
    RecountRequest,
    ServiceState,
    StandingOrders,
    Welcome,
)
from agent.wire_counts import EPOCH, NAME_MAX, TEXT_MAX, cut, milliseconds
from protos import fleet_pb2 as pb

WIRE_VERSION = 1
MESSAGE_BYTES_MAX = 262_144
PAUSES_MAX = 32
ADDRESSES_MAX = 64
POSITION_BYTES_MAX = 4_096
NUMBER_MAX = 2**63 - 1
INTERVAL_MIN = timedelta(milliseconds=100)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TIME_MS_MAX = 253_402_300_799_000  # the end of the year 9999

STATES = {one: pb.ServiceState.Value(f"SERVICE_STATE_{one.name}") for one in ServiceState}
CONVERGENCES = {one: pb.Convergence.Value(f"CONVERGENCE_{one.name}") for one in Convergence}
KINDS = {one: pb.EventKind.Value(f"EVENT_KIND_{one.name}") for one in EventKind}


class WireError(Exception):
    """What came from the collector is not what the wire allows; this stream ends."""


def require_upb() -> None:
    """Refuse to start on any other protobuf runtime: the slow ones cost ten times the time."""
    kind = api_implementation.Type()
    if kind != "upb":
        raise WireError(f"protobuf runs on {kind!r}, not on upb; reinstall the protobuf package")


# --- to the collector ---------------------------------------------------------------------------


def encode_hello(hello: Hello) -> bytes:
    message = pb.Hello(
        agent_version=cut(hello.agent_version, NAME_MAX),
        wire_version=WIRE_VERSION,
        machine_id=cut(hello.machine_id, NAME_MAX),
        boot_id=cut(hello.boot_id, NAME_MAX),
        run_id=hello.run_id,
        epoch=hello.epoch,
        sequence=hello.sequence,
        counted_from_ms=milliseconds(hello.counted_from),
        applied=None if hello.applied is None else _directive_out(hello.applied),
        term_highest=hello.term_highest,
        capabilities=hello.capabilities,
        sent_at_ms=milliseconds(hello.sent_at),
        hostname=cut(hello.hostname, 253),
        addresses=hello.addresses,
        catalogue_revision=hello.catalogue_revision,
    )
    return pb.AgentMessage(hello=message).SerializeToString()


def encode_heartbeat(beat: Heartbeat) -> bytes:
    message = pb.Heartbeat(
        epoch=beat.epoch,
        sequence=beat.sequence,
        sent_at_ms=milliseconds(beat.sent_at),
        host=None if beat.host is None else _host_out(beat.host),
        queue=_queue_out(beat.queue),
        services=[
            pb.ServiceReading(name=cut(service.name, 128), state=STATES[service.state])
            for service in beat.services
        ],
        cells=[wire_counts.cell_out(cell) for cell in beat.cells],
        full_state=beat.full_state,
        postfix=_postfix_out(beat.postfix),
        agent=_agent_out(beat),
        events=[_event_out(event) for event in beat.events],
        log_position=beat.log_position,
        counted_to_ms=milliseconds(beat.counted_to),
        replies=[wire_counts.reply_out(reply) for reply in beat.replies],
        intake=[wire_counts.intake_out(one) for one in beat.intake],
        senders=[wire_counts.sender_out(one) for one in beat.senders],
        history=[wire_counts.minute_out(minute) for minute in beat.history],
        unknown_lines=None
        if beat.unknown_lines is None
        else wire_counts.unknown_out(beat.unknown_lines),
    )
    wire_zones.put(message, beat)
    return pb.AgentMessage(heartbeat=message).SerializeToString()


def _host_out(host: HostReading) -> pb.HostReading:
    return pb.HostReading(**{name: getattr(host, name) for name in HostReading.__slots__})


def _queue_out(queue: QueueReading) -> pb.QueueReading:
    age = queue.oldest_age
    return pb.QueueReading(
        active=queue.active,
        incoming=queue.incoming,
        deferred=queue.deferred,
        hold=queue.hold,
        maildrop=queue.maildrop,
        oldest_age_seconds=None if age is None else max(0, int(age.total_seconds())),
    )


def _postfix_out(postfix: PostfixReading) -> pb.PostfixReading:
    observed = postfix.observed
    term, revision = postfix.directive_order or (0, 0)
    message = pb.PostfixReading(
        reload_at_ms=milliseconds(postfix.reload_at),
        directive_term=term,
        directive_revision=revision,
        convergence=CONVERGENCES[postfix.convergence],
        problem=cut(postfix.problem, TEXT_MAX),
        deliveries_in_flight=postfix.deliveries_in_flight,
        deliveries_begun=postfix.deliveries_begun,
        is_silent=postfix.is_silent,
    )
    if observed is not None:
        message.running = observed.running
        message.version = cut(observed.version, NAME_MAX)
        message.outbound.extend(cut(name, 128) for name in observed.outbound[:64])
        message.deferred.extend(cut(name, 128) for name in observed.deferred[:64])
    if postfix.standing is not None:
        message.standing_since_ms = milliseconds(postfix.standing.since)
        message.standing_why = cut(postfix.standing.why, TEXT_MAX)
    return message


def _agent_out(beat: Heartbeat) -> pb.AgentReading:
    agent = beat.agent
    return pb.AgentReading(
        started_at_ms=milliseconds(agent.started_at),
        lines_read=agent.lines_read,
        lines_unparsed=agent.lines_unparsed,
        events_lost=agent.events_lost,
        state_errors=agent.state_errors,
        memory_bytes=agent.memory_bytes,
        problems=[cut(problem, TEXT_MAX) for problem in agent.problems[:8]],
    )


def _event_out(event: Event) -> pb.Event:
    begin, end = event.window or (None, None)
    return pb.Event(
        id=event.id,
        kind=KINDS[event.kind],
        at_ms=milliseconds(event.at),
        zone=None if event.zone is None else wire_zones.zone_out(event.zone),
        from_ms=milliseconds(begin),
        to_ms=milliseconds(end),
        text=cut(event.text, TEXT_MAX),
    )


def _directive_out(directive: Directive) -> pb.Directive:
    standing = directive.standing
    return pb.Directive(
        term=directive.term,
        revision=directive.revision,
        node_pauses=directive.node_pauses,
        addresses=[
            pb.AddressOrder(address=order.address, pauses=order.pauses)
            for order in directive.addresses
        ],
        standing=None
        if standing is None
        else pb.StandingOrders(
            unheard_ms=standing.unheard_for // timedelta(milliseconds=1), sweeps=standing.sweeps
        ),
        standing_lifted_ms=milliseconds(directive.standing_lifted),
    )


# --- from the collector -------------------------------------------------------------------------


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
