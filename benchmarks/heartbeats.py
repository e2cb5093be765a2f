"""What the nodes of a herd say. For the benchmarks."""

import time

from benchmarks import enrolled
from protos import fleet_pb2 as pb

RECEIVERS = (
    *("google", "microsoft", "yahoo", "apple", "comcast", "gmx", "t-online", "orange"),
    *("zoho", "mailru", "qq", "other"),
)
POSITION = b'{"device":66306,"inode":131234,"offset":%012d,"head":"%064x","tail":"%064x"}'


def heartbeat(number: int, *, sequence: int, held: pb.Directive | None = None) -> bytes:
    """As a node with a dozen busy receivers sends it every 30 s: about 1 KB."""
    now = int(time.time() * 1000)
    address = enrolled.address(number)
    message = pb.Heartbeat(
        epoch=f"epoch-{number}",
        sequence=sequence,
        sent_at_ms=now,
        host=_host(sequence),
        queue=pb.QueueReading(active=3, incoming=0, deferred=40 + sequence % 9, hold=0, maildrop=0),
        services=[
            pb.ServiceReading(name=name, state=pb.SERVICE_STATE_RUNNING)
            for name in ("postfix@-.service", "opendkim.service", "unbound.service")
        ],
        cells=[
            pb.Cell(
                address=address,
                receiver=receiver,
                outcomes=[
                    pb.OutcomeCount(outcome=pb.OUTCOME_SENT, attempts=sequence * 100),
                    pb.OutcomeCount(outcome=pb.OUTCOME_DEFERRED, attempts=sequence * 3),
                ],
            )
            for receiver in RECEIVERS
        ],
        zones=_zones(address, now) if sequence % 10 == 1 else (),
        postfix=pb.PostfixReading(
            running=True,
            version="3.7.11",
            outbound=["relay", "smtp"],
            reload_at_ms=now - 10**7,
            directive_term=held.term if held else 0,
            directive_revision=held.revision if held else 0,
            convergence=pb.CONVERGENCE_VERIFIED,
        ),
        agent=pb.AgentReading(
            started_at_ms=now - 10**8, lines_read=sequence * 900, memory_bytes=42_000_000
        ),
        log_position=POSITION % (now, 2**255, 2**254),
        counted_to_ms=now,
    )
    return pb.AgentMessage(heartbeat=message).SerializeToString()


def _host(sequence: int) -> pb.HostReading:
    return pb.HostReading(
        cpu_ratio=0.25,
        cpu_count=2,
        memory_bytes_total=2_000_000_000,
        memory_bytes_used=900_000_000 + sequence,
        load_1m=0.5,
        disk_bytes_total=40_000_000_000,
        disk_bytes_used=9_000_000_000,
        inodes_total=2_000_000,
        inodes_used=150_000,
        network_bytes_received=10**9 + sequence * 10**6,
        network_bytes_sent=10**9 + sequence * 10**6,
        network_packets_received=10**6 + sequence * 1000,
        network_packets_sent=10**6 + sequence * 1000,
        uptime_seconds=86_400 + sequence * 30,
    )


def _zones(address: str, now: int) -> list[pb.ZoneReading]:
    reading = pb.ZoneReading(
        address=address,
        zone="zen.spamhaus.org",
        verdict=pb.VERDICT_CLEAR,
        sentinels=pb.SENTINELS_RIGHT,
        round=1,
        checked_at_ms=now,
    )
    return [reading]
