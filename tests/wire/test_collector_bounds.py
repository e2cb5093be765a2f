"""What the collector refuses to read, by table; and that what it reads is what was sent."""

from datetime import datetime, timezone
from typing import Any

import pytest

from collector.core.heartbeat import Heartbeat, Hello, Recount
from collector.rpc import wire
from collector.rpc.bounds import WireError
from collector.rpc.wire import Arrival
from protos import fleet_pb2 as pb
from tests.rpc_node import heartbeat, hello

NOW = 1_795_000_000_000
ARRIVAL = Arrival(node_id="n1", at=datetime(2026, 11, 22, tzinfo=timezone.utc))


def read(message: pb.Heartbeat | pb.Hello) -> Heartbeat | Hello:
    came = _decoded(message)
    assert not isinstance(came, Recount)
    return came


def _decoded(message: pb.Heartbeat | pb.Hello) -> Heartbeat | Hello | Recount:
    if isinstance(message, pb.Hello):
        return wire.decode(pb.AgentMessage(hello=message).SerializeToString(), ARRIVAL)
    return wire.decode(pb.AgentMessage(heartbeat=message).SerializeToString(), ARRIVAL)


HOST: dict[str, Any] = {"cpu_ratio": 0.1, "cpu_count": 2, "load_1m": 0.2, "uptime_seconds": 1}
POSTFIX: dict[str, Any] = {"running": True, "convergence": pb.CONVERGENCE_PENDING}
ZONE: dict[str, Any] = {
    "address": "192.0.2.1",
    "zone": "zen.spamhaus.org",
    "verdict": pb.VERDICT_CLEAR,
    "sentinels": pb.SENTINELS_RIGHT,
    "checked_at_ms": NOW,
}
CELL: dict[str, Any] = {"address": "192.0.2.1", "receiver": "google"}


def host(**changes: Any) -> dict[str, object]:
    return {"host": pb.HostReading(**(HOST | changes))}


def postfix(**changes: Any) -> dict[str, object]:
    return {"postfix": pb.PostfixReading(**(POSTFIX | changes))}


def zone(**changes: Any) -> dict[str, object]:
    return {"zones": [pb.ZoneReading(**(ZONE | changes))]}


def cell(*outcomes: tuple[int, int], **changes: Any) -> dict[str, object]:
    counts = [pb.OutcomeCount(outcome=kind, attempts=count) for kind, count in outcomes]  # type: ignore[arg-type]
    return {"cells": [pb.Cell(outcomes=counts, **(CELL | changes))]}


def event(**changes: Any) -> dict[str, object]:
    values = {"id": 1, "kind": pb.EVENT_KIND_LOG_GAP, "at_ms": NOW} | changes
    return {"events": [pb.Event(**values)]}


ABSURD_HEARTBEATS: list[dict[str, object]] = [
    {"sequence": 0},
    {"sequence": 2**63},
    {"epoch": ""},
    {"epoch": "e" * 65},
    {"epoch": "e\x1b[2J"},
    {"sent_at_ms": 0},
    {"sent_at_ms": -5},
    {"sent_at_ms": 2**62},
    {"counted_to_ms": -1},
    {"log_position": bytes(4_097)},
    {"postfix": None},
    {"agent": None},
    host(cpu_ratio=-0.1),
    host(cpu_ratio=float("nan")),
    host(cpu_ratio=float("inf")),
    host(cpu_ratio=17.0),
    host(load_1m=float("nan")),
    host(load_1m=-1.0),
    host(uptime_seconds=-1),
    host(memory_bytes_total=1, memory_bytes_used=2),
    host(disk_bytes_total=2**63, disk_bytes_used=0),
    host(inodes_used=1),
    host(network_bytes_sent=2**64 - 1),
    {"queue": pb.QueueReading(deferred=2**63)},
    {"services": [pb.ServiceReading(name="postfix", state=pb.SERVICE_STATE_UNSPECIFIED)]},
    {"services": [pb.ServiceReading(name="", state=pb.SERVICE_STATE_RUNNING)]},
    {"services": [pb.ServiceReading(name="x", state=pb.SERVICE_STATE_RUNNING)] * 65},
    {"services": [pb.ServiceReading(name="x", state=99)]},  # type: ignore[arg-type]
    cell((pb.OUTCOME_UNSPECIFIED, 1)),
    cell((99, 1)),
    cell((pb.OUTCOME_SENT, 2**63)),
    # Two of them in one sum are more than a column holds.
    cell((pb.OUTCOME_SENT, 2**62)),
    cell((pb.OUTCOME_SENT, 1), (pb.OUTCOME_SENT, 2)),
    cell(address="not an address"),
    cell(address="fe80::1%" + "x" * 100_000),
    cell(receiver=""),
    {"cells": [pb.Cell(receiver="x")] * 2_113},
    zone(address=""),
    zone(verdict=pb.VERDICT_UNSPECIFIED),
    zone(sentinels=pb.SENTINELS_UNSPECIFIED),
    zone(checked_at_ms=0),
    zone(answers=["127.0.0.2 "]),
    zone(address="fe80::1%\x1b[2J"),
    zone(answers=["127.0.0.2"] * 33),
    zone(why="w" * 501),
    zone(zone=""),
    postfix(convergence=pb.CONVERGENCE_UNSPECIFIED),
    postfix(directive_revision=2**63),
    postfix(outbound=["smtp"] * 65),
    postfix(outbound=["smtp\n"]),
    postfix(version="v" * 65),
    postfix(reload_at_ms=-1),
    {"agent": pb.AgentReading(started_at_ms=0)},
    {"agent": pb.AgentReading(started_at_ms=NOW, lines_read=2**63)},
    {"agent": pb.AgentReading(started_at_ms=NOW, problems=["p"] * 17)},
    event(kind=pb.EVENT_KIND_UNSPECIFIED),
    event(id=0),
    event(at_ms=0),
    {"events": [pb.Event(id=1, kind=pb.EVENT_KIND_CONVERGED, at_ms=NOW)] * 1_001},
]


@pytest.mark.parametrize("changes", ABSURD_HEARTBEATS, ids=lambda changes: str(changes)[:60])
def test_an_absurd_heartbeat_is_not_read(changes: dict[str, object]) -> None:
    read(heartbeat(1))
    with pytest.raises(WireError):
        read(heartbeat(**({"sequence": 1} | changes)))  # type: ignore[arg-type]


ABSURD_HELLOS: list[dict[str, object]] = [
    {"epoch": ""},
    {"machine_id": ""},
    {"run_id": ""},
    {"run_id": "r\x00"},
    {"sequence": 2**63},
    {"term_highest": 2**63},
    {"sent_at_ms": 0},
    {"addresses": ["198.51.100.7/32"]},
    {"addresses": ["198.51.100.7"] * 2},
    {"addresses": [f"198.51.100.{n}" for n in range(65)]},
    {"capabilities": ["c"] * 65},
    {"hostname": "h" * 254},
    {"applied": pb.Directive(term=0, revision=1)},
    {"applied": pb.Directive(term=1, revision=0)},
    # The next one has the next number, and must have a place in the journal.
    {"applied": pb.Directive(term=1, revision=2**63 - 1)},
    {"applied": pb.Directive(term=1, revision=1, node_pauses=["P"] * 33)},
    {"applied": pb.Directive(term=1, revision=1, addresses=[pb.AddressOrder(address="x")])},
]


@pytest.mark.parametrize("changes", ABSURD_HELLOS, ids=lambda changes: str(changes)[:60])
def test_an_absurd_hello_is_not_read(changes: dict[str, object]) -> None:
    read(hello())
    with pytest.raises(WireError):
        read(hello(**changes))


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\xff" * 100, b"\x1a\x00"])
def test_bytes_that_are_no_message_are_not_read(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(data, ARRIVAL)
