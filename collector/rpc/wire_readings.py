"""Readings of a node's machine, queue, Postfix and agent on the wire: validated, refused, never
repaired."""

from collector.core.heartbeat import AgentReading, HostReading, PostfixReading, QueueReading
from collector.rpc import bounds, wire_orders
from collector.rpc.bounds import NAME_MAX, NUMBER_MAX, WireError
from protos import fleet_pb2 as pb

CONVERGENCES = {1: "pending", 2: "verified", 3: "failed"}


def host(m: pb.HostReading) -> HostReading:
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


def queue(m: pb.QueueReading) -> QueueReading:
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


def postfix(m: pb.PostfixReading) -> PostfixReading:
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


def agent(m: pb.AgentReading) -> AgentReading:
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
