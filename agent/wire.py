"""Protobuf messages end here and in the files beside: bytes in and out, our own values inside.

What the agent says of itself is cut to the wire's bounds, for those are its own words. What it is
told is `wire_decode`'s.
"""

from datetime import timedelta

from google.protobuf.internal import api_implementation

from agent import wire_counts, wire_zones
from agent.model import (
    Convergence,
    Directive,
    Event,
    EventKind,
    Heartbeat,
    Hello,
    HostReading,
    PostfixReading,
    QueueReading,
    ServiceState,
)
from agent.wire_counts import NAME_MAX, TEXT_MAX, cut, milliseconds
from agent.wire_decode import MESSAGE_BYTES_MAX as MESSAGE_BYTES_MAX
from agent.wire_decode import WireError as WireError
from agent.wire_decode import decode as decode
from protos import fleet_pb2 as pb

WIRE_VERSION = 1

STATES = {one: pb.ServiceState.Value(f"SERVICE_STATE_{one.name}") for one in ServiceState}
CONVERGENCES = {one: pb.Convergence.Value(f"CONVERGENCE_{one.name}") for one in Convergence}
KINDS = {one: pb.EventKind.Value(f"EVENT_KIND_{one.name}") for one in EventKind}


def require_upb() -> None:
    """Refuse to start on any other protobuf runtime: the slow ones cost ten times the time."""
    kind = api_implementation.Type()
    if kind != "upb":
        raise WireError(f"protobuf runs on {kind!r}, not on upb; reinstall the protobuf package")


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
