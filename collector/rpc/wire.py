"""Messages of the fleet stream: bytes in and out, our own values inside. These files, `wire` and
`wire_*`, are the only ones of the collector that see protobuf messages.

Decoding validates and refuses (WireError); it never repairs. It runs once a heartbeat of every
node: checks are few, cheap and whole.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core.heartbeat import (
    Event,
    HandedOut,
    Heartbeat,
    Hello,
    NewEpoch,
    Recount,
    Welcome,
)
from collector.core.model import Order
from collector.rpc import bounds, wire_counts, wire_orders, wire_readings, wire_values, wire_zones
from collector.rpc.bounds import NAME_MAX, WireError
from protos import fleet_pb2 as pb

FLEET = pb.DESCRIPTOR.services_by_name["Fleet"].full_name
SERVICES = {1: "running", 2: "stopped", 3: "unknown"}
KINDS = {1: "zone_changed", 2: "log_gap", 3: "epoch_begun", 4: "converged"}


# --- from a node --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Who sent a message, by its certificate, and when it came, by our clock."""

    node_id: str
    at: datetime


def decode(data: bytes, arrival: Arrival) -> Hello | Heartbeat | Recount:
    """One message of the fleet stream."""
    message = pb.AgentMessage()
    wire_values.parse(message, data)
    kind = message.WhichOneof("body")
    if kind == "heartbeat":
        return _heartbeat(message.heartbeat, arrival)
    if kind == "hello":
        return _hello(message.hello, arrival)
    if kind == "recount":
        return wire_counts.recount(message.recount)
    raise WireError("a message without a body this collector knows")


def _hello(m: pb.Hello, arrival: Arrival) -> Hello:
    return Hello(
        node_id=arrival.node_id,
        agent_version=bounds.text("agent_version", value=m.agent_version, most=NAME_MAX),
        machine_id=bounds.name("machine_id", value=m.machine_id),
        boot_id=bounds.text("boot_id", value=m.boot_id, most=NAME_MAX),
        run_id=bounds.name("run_id", value=m.run_id),
        epoch=bounds.name("epoch", value=m.epoch),
        sequence=bounds.number("sequence", m.sequence),
        counted_from=bounds.moment_or_none("counted_from", m.counted_from_ms),
        applied=wire_orders.taken(m.applied) if m.HasField("applied") else None,
        term_highest=bounds.number("term_highest", m.term_highest, most=bounds.ORDER_MAX),
        capabilities=bounds.names("capabilities", m.capabilities),
        sent_at=bounds.moment("sent_at", m.sent_at_ms),
        received_at=arrival.at,
        hostname=bounds.text("hostname", value=m.hostname, most=bounds.LONG_NAME_MAX),
        addresses=bounds.addresses(m.addresses),
        catalogue_revision=bounds.number("catalogue_revision", m.catalogue_revision),
    )


def _heartbeat(m: pb.Heartbeat, arrival: Arrival) -> Heartbeat:
    bounds.few("cells", len(m.cells), most=bounds.CELLS_MAX)
    bounds.few("events", len(m.events), most=bounds.EVENTS_MAX)
    bounds.few("replies", len(m.replies), most=bounds.REPLIES_MAX)
    bounds.few("clients", len(m.intake), most=bounds.INTAKE_MAX)
    bounds.few("sending domains", len(m.senders), most=bounds.SENDERS_MAX)
    bounds.few("minutes of history", len(m.history), most=bounds.MINUTES_MAX)
    bounds.few("services", len(m.services), most=bounds.SERVICES_MAX)
    bounds.few("bytes of log_position", len(m.log_position), most=bounds.POSITION_BYTES_MAX)
    if not m.HasField("postfix") or not m.HasField("agent"):
        raise WireError("a heartbeat without its postfix or agent reading")
    return Heartbeat(
        node_id=arrival.node_id,
        epoch=bounds.name("epoch", value=m.epoch),
        sequence=bounds.number("sequence", m.sequence, least=1),
        sent_at=bounds.moment("sent_at", m.sent_at_ms),
        received_at=arrival.at,
        host=wire_readings.host(m.host) if m.HasField("host") else None,
        queue=wire_readings.queue(m.queue),
        services=tuple(
            (
                bounds.name("service", value=one.name, most=2 * NAME_MAX),
                bounds.known("state", one.state, names=SERVICES),
            )
            for one in m.services
        ),
        cells=tuple(map(wire_counts.cell, m.cells)),
        full_state=m.full_state,
        zones=wire_zones.readings(m),
        postfix=wire_readings.postfix(m.postfix),
        agent=wire_readings.agent(m.agent),
        events=tuple(map(_event, m.events)),
        log_position=m.log_position,
        counted_to=bounds.moment_or_none("counted_to", m.counted_to_ms),
        replies=tuple(map(wire_counts.reply, m.replies)),
        intake=tuple(map(wire_counts.intake, m.intake)),
        senders=tuple(map(wire_counts.sender, m.senders)),
        history=tuple(map(wire_counts.minute, m.history)),
        unknown_lines=wire_counts.unknown_lines(m.unknown_lines)
        if m.HasField("unknown_lines")
        else None,
        zone_counts=wire_zones.counts(m.zone_counts),
        nameservers=wire_zones.nameservers(m.nameservers),
    )


def _event(m: pb.Event) -> Event:
    begin = bounds.moment_or_none("event.from", m.from_ms)
    end = bounds.moment_or_none("event.to", m.to_ms)
    return Event(
        id=bounds.number("event.id", m.id, least=1),
        kind=bounds.known("event.kind", m.kind, names=KINDS),
        at=bounds.moment("event.at", m.at_ms),
        zone=wire_zones.reading(m.zone) if m.HasField("zone") else None,
        window=(begin, end) if begin is not None and end is not None else None,
        text=bounds.text("event.text", value=m.text),
    )


# --- to a node ----------------------------------------------------------------------------------


def encode_welcome(welcome: Welcome) -> bytes:
    after = welcome.history_after
    message = pb.Welcome(
        term=welcome.term,
        node_id=welcome.node_id,
        heartbeat_interval_ms=welcome.heartbeat_interval // wire_values.MILLISECOND,
        heartbeat_jitter_ms=welcome.heartbeat_jitter // wire_values.MILLISECOND,
        reconnect_spread_ms=welcome.reconnect_spread // wire_values.MILLISECOND,
        sweep_critical_ms=welcome.sweep_critical // wire_values.MILLISECOND,
        collector_time_ms=wire_values.milliseconds(welcome.collector_time),
        full_state=welcome.full_state,
        replay_events=welcome.replay_events,
        history_after_ms=0 if after is None else wire_values.milliseconds(after),
        catalogue_revision=welcome.catalogue_revision,
    )
    return pb.CollectorMessage(welcome=message).SerializeToString()


def encode_ack(beat: Heartbeat) -> bytes:
    """The heartbeat is committed, and with it every event it carried."""
    events_upto = max((event.id for event in beat.events), default=0)
    ack = pb.Ack(epoch=beat.epoch, sequence=beat.sequence, events_upto=events_upto)
    return pb.CollectorMessage(ack=ack).SerializeToString()


def encode_order(order: Order) -> bytes:
    return pb.CollectorMessage(directive=wire_orders.out(order)).SerializeToString()


def encode_new_epoch(new_epoch: NewEpoch) -> bytes:
    counted_to = new_epoch.counted_to
    message = pb.NewEpoch(
        log_position=new_epoch.log_position,
        counted_to_ms=0 if counted_to is None else wire_values.milliseconds(counted_to),
    )
    return pb.CollectorMessage(new_epoch=message).SerializeToString()


def encode_catalogue(zones: HandedOut) -> bytes:
    message = pb.Catalogue(revision=zones.revision, rows=zones.rows)
    return pb.CollectorMessage(catalogue=message).SerializeToString()


def encode_recount_request(number: int, epoch: str, *, log_position: bytes) -> bytes:
    request = pb.RecountRequest(number=number, epoch=epoch, log_position=log_position)
    return pb.CollectorMessage(recount=request).SerializeToString()


def encode_reconnect_after(delay: timedelta) -> bytes:
    message = pb.ReconnectAfter(delay_ms=delay // wire_values.MILLISECOND)
    return pb.CollectorMessage(reconnect_after=message).SerializeToString()
