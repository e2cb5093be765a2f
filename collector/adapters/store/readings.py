"""What nodes last said of their machines, and their certificates: read for a judgement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from collector.adapters.store import encode
from collector.adapters.store.moments import from_ms
from collector.core import machine
from collector.core.readings import CertificateFact, HostFacts, ServiceFact, StandingReport

IDENTITY = "the node's own certificate"
# `latest` is long: only what is asked for is taken out of it, by SQLite.
STATES = text(
    """SELECT node_id, last_heartbeat, smtp_down_since, cpu_busy_since,
 json_extract(latest, '$.host', '$.services', '$.postfix.standing') AS said FROM node_states
 WHERE latest IS NOT NULL AND node_id IN (SELECT value FROM json_each(:nodes))"""
)
CERTIFICATES = text(
    """SELECT node_id, not_before, max(not_after) AS not_after FROM certificates
 WHERE revoked_at IS NULL AND node_id IN (SELECT value FROM json_each(:nodes))
 GROUP BY node_id"""
)

Shown = dict[str, dict[str, Any]]


def read(connection: Connection, chunk: Sequence[str]) -> Shown:
    """Fields of NodeFacts by node id; what was never told is left out."""
    asked = {"nodes": encode.joined(chunk)}
    found: Shown = {}
    for row in connection.execute(STATES, asked):
        host, services, standing = encode.value(row.said)
        found[row.node_id] = {
            "standing": None
            if standing is None
            else StandingReport(
                since=datetime.fromisoformat(standing["since"]), text=standing["text"]
            ),
            "host": None if host is None else _host(host, busy_since=row.cpu_busy_since),
            "services": tuple(
                _service(name, state=state, at=row.last_heartbeat, down_since=row.smtp_down_since)
                for name, state in services
            ),
        }
    for row in connection.execute(CERTIFICATES, asked):
        own = CertificateFact(
            name=IDENTITY, issued_at=from_ms(row.not_before), expires_at=from_ms(row.not_after)
        )
        found.setdefault(row.node_id, {})["certificates"] = (own,)
    return found


def _host(said: dict[str, Any], *, busy_since: int | None) -> HostFacts:
    return HostFacts(
        disk_ratio=machine.fullest(
            (said["disk_bytes_used"], said["disk_bytes_total"]),
            (said["inodes_used"], said["inodes_total"]),
        ),
        cpu_ratio=said["cpu_ratio"],
        cpu_busy_since=from_ms(busy_since),
    )


def _service(name: str, *, state: str, at: int, down_since: int | None) -> ServiceFact:
    """Of the SMTP service it is known since when it is down; of others only what was said last."""
    is_down = machine.is_smtp_down([(name, state)])
    since = at if down_since is None or not is_down else down_since
    return ServiceFact(name=name, state=state, since=from_ms(since))
