# long: one file alone may see protobuf messages, so both services and both directions stand here.
"""The only collector file that sees protobuf messages: bytes in and out, our own values inside.

Decoding validates and refuses (WireError); it never repairs. It runs once a heartbeat of every
node: checks are few, cheap and whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from google.protobuf.message import DecodeError

from collector.core.heartbeat import (
    AgentReading,
    Event,
    HandedOut,
    Heartbeat,
    Hello,
    HostReading,
    NewEpoch,
    PostfixReading,
    QueueReading,
    Recount,
    Welcome,
)
from collector.core.model import Order
from collector.identity import Applicant, Issued, Renewal
from collector.rpc import bounds, wire_counts, wire_orders, wire_zones
from collector.rpc.bounds import NAME_MAX, NUMBER_MAX, WireError
from deliverability.zones import Sentinels, Verdict
from protos import fleet_pb2 as pb

FLEET = pb.DESCRIPTOR.services_by_name["Fleet"].full_name
ENROLMENT = pb.DESCRIPTOR.services_by_name["Enrolment"].full_name

EPOCH_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)

SERVICES = {1: "running", 2: "stopped", 3: "unknown"}
VERDICTS: Mapping[int, Verdict] = {pb.Verdict.Value(f"VERDICT_{one.name}"): one for one in Verdict}
SENTINELS: Mapping[int, Sentinels] = {
    pb.Sentinels.Value(f"SENTINELS_{one.name}"): one for one in Sentinels
}
CONVERGENCES = {1: "pending", 2: "verified", 3: "failed"}
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
    _parse(message, data)
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
        host=_host(m.host) if m.HasField("host") else None,
        queue=_queue(m.queue),
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
        postfix=_postfix(m.postfix),
        agent=_agent(m.agent),
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


def _host(m: pb.HostReading) -> HostReading:
    cpu, load = m.cpu_ratio, m.load_1m
    # Also false for NaN and the infinities.
    if not 0.0 <= cpu <= bounds.CPU_RATIO_MAX:
        raise WireError(f"host.cpu_ratio: {cpu} is not within 0 to {bounds.CPU_RATIO_MAX}")
    if not 0.0 <= load <= bounds.LOAD_MAX:
        raise WireError(f"host.load_1m: {load} is not within 0 to {bounds.LOAD_MAX:.0f}")
    if not 0 <= m.uptime_seconds <= NUMBER_MAX // 1000:
        raise WireError(f"host.uptime_seconds: {m.uptime_seconds}")
    reading = HostReading(
        cpu_ratio=cpu,
        cpu_count=m.cpu_count,
        memory_bytes_total=m.memory_bytes_total,
        memory_bytes_used=m.memory_bytes_used,
        load_1m=load,
        disk_bytes_total=m.disk_bytes_total,
        disk_bytes_used=m.disk_bytes_used,
        inodes_total=m.inodes_total,
        inodes_used=m.inodes_used,
        network_bytes_received=m.network_bytes_received,
        network_bytes_sent=m.network_bytes_sent,
        network_packets_received=m.network_packets_received,
        network_packets_sent=m.network_packets_sent,
        uptime_seconds=m.uptime_seconds,
    )
    _check_host(reading)
    return reading


def _check_host(r: HostReading) -> None:
    for name, used, total in (
        ("memory", r.memory_bytes_used, r.memory_bytes_total),
        ("disk", r.disk_bytes_used, r.disk_bytes_total),
        ("inodes", r.inodes_used, r.inodes_total),
    ):
        if not used <= total <= NUMBER_MAX:
            raise WireError(f"host.{name}: {used} used of {total}")
    most = max(
        r.network_bytes_received,
        r.network_bytes_sent,
        r.network_packets_received,
        r.network_packets_sent,
    )
    if most > NUMBER_MAX:
        raise WireError(f"host.network: a counter of {most}")


def _queue(m: pb.QueueReading) -> QueueReading:
    has = m.HasField
    reading = QueueReading(
        active=m.active if has("active") else None,
        incoming=m.incoming if has("incoming") else None,
        deferred=m.deferred if has("deferred") else None,
        hold=m.hold if has("hold") else None,
        maildrop=m.maildrop if has("maildrop") else None,
        oldest_age_seconds=m.oldest_age_seconds if has("oldest_age_seconds") else None,
    )
    # Absent ones read as 0 in the message.
    most = max(m.active, m.incoming, m.deferred, m.hold, m.maildrop, m.oldest_age_seconds)
    if most > NUMBER_MAX:
        raise WireError(f"queue: a count of {most}")
    return reading


def _postfix(m: pb.PostfixReading) -> PostfixReading:
    term, revision = m.directive_term, m.directive_revision
    if max(term, revision, m.deliveries_in_flight, m.deliveries_begun) > NUMBER_MAX:
        raise WireError("postfix: a number past 63 bits")
    return PostfixReading(
        running=m.running,
        version=bounds.text("postfix.version", value=m.version, most=NAME_MAX),
        outbound=bounds.names("postfix.outbound", m.outbound),
        deferred=bounds.names("postfix.deferred", m.deferred),
        reload_at=bounds.moment_or_none("reload_at", m.reload_at_ms),
        order=(term, revision) if term else None,
        convergence=bounds.known("convergence", m.convergence, names=CONVERGENCES),
        problem=bounds.text("postfix.problem", value=m.problem),
        deliveries_in_flight=m.deliveries_in_flight,
        deliveries_begun=m.deliveries_begun,
        is_silent=m.is_silent,
        standing=wire_orders.silenced_itself(m),
    )


def _agent(m: pb.AgentReading) -> AgentReading:
    lines = max(m.lines_read, m.lines_unparsed, m.events_lost, m.state_errors, m.memory_bytes)
    if lines > NUMBER_MAX:
        raise WireError("agent: a number past 63 bits")
    bounds.few("agent.problems", len(m.problems), most=bounds.PROBLEMS_MAX)
    return AgentReading(
        started_at=bounds.moment("agent.started_at", m.started_at_ms),
        lines_read=m.lines_read,
        lines_unparsed=m.lines_unparsed,
        events_lost=m.events_lost,
        state_errors=m.state_errors,
        memory_bytes=m.memory_bytes,
        problems=tuple(bounds.text("agent.problem", value=problem) for problem in m.problems),
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


def decode_enrol(data: bytes, origin: str) -> Applicant:
    """A node's request to join."""
    m = pb.EnrolRequest()
    _parse(m, data)
    if not m.addresses:
        raise WireError("addresses: none")
    return Applicant(
        token=bounds.text("token", value=m.token),
        csr_der=m.csr_der,
        machine_id=bounds.name("machine_id", value=m.machine_id),
        hostname=bounds.name("hostname", value=m.hostname, most=bounds.LONG_NAME_MAX),
        addresses=bounds.addresses(m.addresses),
        agent_version=bounds.text("agent_version", value=m.agent_version, most=NAME_MAX),
        sent_at=bounds.moment("sent_at", m.sent_at_ms),
        origin=origin,
    )


def decode_renew(data: bytes, origin: str) -> Renewal:
    """Either call of a renewal; without a signature it asks for a nonce."""
    m = pb.RenewRequest()
    _parse(m, data)
    return Renewal(
        certificate_der=m.certificate_der,
        csr_der=m.csr_der,
        nonce=m.nonce,
        signature=m.signature,
        origin=origin,
    )


def _parse(message: pb.AgentMessage | pb.EnrolRequest | pb.RenewRequest, data: bytes) -> None:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise WireError("bytes that are no message of this wire") from error


# --- to a node ----------------------------------------------------------------------------------


def encode_welcome(welcome: Welcome) -> bytes:
    after = welcome.history_after
    message = pb.Welcome(
        term=welcome.term,
        node_id=welcome.node_id,
        heartbeat_interval_ms=welcome.heartbeat_interval // MILLISECOND,
        heartbeat_jitter_ms=welcome.heartbeat_jitter // MILLISECOND,
        reconnect_spread_ms=welcome.reconnect_spread // MILLISECOND,
        sweep_critical_ms=welcome.sweep_critical // MILLISECOND,
        collector_time_ms=_milliseconds(welcome.collector_time),
        full_state=welcome.full_state,
        replay_events=welcome.replay_events,
        history_after_ms=0 if after is None else _milliseconds(after),
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
        counted_to_ms=0 if counted_to is None else _milliseconds(counted_to),
    )
    return pb.CollectorMessage(new_epoch=message).SerializeToString()


def encode_catalogue(zones: HandedOut) -> bytes:
    message = pb.Catalogue(revision=zones.revision, rows=zones.rows)
    return pb.CollectorMessage(catalogue=message).SerializeToString()


def encode_recount_request(number: int, epoch: str, *, log_position: bytes) -> bytes:
    request = pb.RecountRequest(number=number, epoch=epoch, log_position=log_position)
    return pb.CollectorMessage(recount=request).SerializeToString()


def encode_reconnect_after(delay: timedelta) -> bytes:
    message = pb.ReconnectAfter(delay_ms=delay // MILLISECOND)
    return pb.CollectorMessage(reconnect_after=message).SerializeToString()


def encode_enrolled(issued: Issued) -> bytes:
    return pb.EnrolReply(issued=_issued(issued)).SerializeToString()


def encode_renewed(issued: Issued) -> bytes:
    return pb.RenewReply(issued=_issued(issued)).SerializeToString()


def encode_nonce(nonce: bytes) -> bytes:
    return pb.RenewReply(nonce=nonce).SerializeToString()


def _issued(issued: Issued) -> pb.Issued:
    return pb.Issued(
        node_id=issued.node_id,
        fleet=issued.fleet,
        certificate_pem=issued.certificate_pem,
        ca_pem=issued.ca_pem,
        collector_time_ms=_milliseconds(issued.at),
    )


def _milliseconds(moment: datetime) -> int:
    return (moment - EPOCH_START) // MILLISECOND
