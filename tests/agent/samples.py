"""Values of the agent's model, one of everything, for tests."""

from datetime import datetime, timedelta, timezone

from agent.model import (
    AddressOrder,
    AgentReading,
    Cell,
    CellKey,
    Convergence,
    Directive,
    Event,
    EventKind,
    Heartbeat,
    Hello,
    HostReading,
    PostfixObserved,
    PostfixReading,
    QueueReading,
    ServiceReading,
    ServiceState,
    ZoneReading,
)
from deliverability.replies import Outcome
from deliverability.zones import Sentinels, Verdict

NOW = datetime(2026, 11, 22, 9, 33, 50, tzinfo=timezone.utc)
ADDRESS = "198.51.100.7"

DIRECTIVE = Directive(
    term=3,
    revision=8,
    node_pauses=("OPERATOR",),
    addresses=(AddressOrder(address=ADDRESS, pauses=("LISTED",)),),
)
OBSERVED = PostfixObserved(
    running=True,
    version="3.7.11",
    outbound=("relay", "smtp"),
    deferred=("relay", "smtp"),
    config_changed_at=NOW - timedelta(seconds=5),
    qmgr_started_at=NOW - timedelta(seconds=3),
    paused=True,
)
ZONE = ZoneReading(
    address=ADDRESS,
    zone="zen.spamhaus.org",
    verdict=Verdict.LISTED,
    answers=("127.0.0.2",),
    sentinels=Sentinels.RIGHT,
    round=12,
    checked_at=NOW,
    why="",
)
HELLO = Hello(
    agent_version="0.1.0",
    machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
    boot_id="0f1c6b8e-6f57-4c5c-9d8e-1d0a6d0d8a11",
    run_id="7c0f6f3a",
    epoch="epoch-1",
    sequence=41,
    counted_from=NOW - timedelta(days=1),
    applied=DIRECTIVE,
    term_highest=3,
    capabilities=("pause",),
    sent_at=NOW,
    hostname="mx1.example",
    addresses=(ADDRESS,),
)
HEARTBEAT = Heartbeat(
    epoch="epoch-1",
    sequence=42,
    sent_at=NOW,
    host=HostReading(
        cpu_ratio=0.25,
        cpu_count=2,
        memory_bytes_total=2_000_000_000,
        memory_bytes_used=900_000_000,
        load_1m=0.5,
        disk_bytes_total=40_000_000_000,
        disk_bytes_used=9_000_000_000,
        inodes_total=2_000_000,
        inodes_used=150_000,
        network_bytes_received=123_456_789,
        network_bytes_sent=987_654_321,
        network_packets_received=1_000_000,
        network_packets_sent=900_000,
        uptime_seconds=86_400,
    ),
    queue=QueueReading(active=1, incoming=0, deferred=7, hold=0, maildrop=None),
    services=(ServiceReading(name="postfix", state=ServiceState.RUNNING),),
    cells=(
        Cell(
            key=CellKey(ADDRESS, "gmail"),
            attempts={Outcome.SENT: 100, Outcome.DEFERRED: 5, Outcome.BOUNCED: 1},
        ),
    ),
    full_state=True,
    zones=(ZONE,),
    postfix=PostfixReading(
        observed=OBSERVED,
        reload_at=NOW - timedelta(seconds=3),
        directive_order=(3, 8),
        convergence=Convergence.VERIFIED,
        deliveries_in_flight=2,
        deliveries_begun=0,
        is_silent=True,
    ),
    agent=AgentReading(
        started_at=NOW - timedelta(hours=1),
        lines_read=5_000,
        lines_unparsed=3,
        events_lost=0,
        state_errors=0,
        memory_bytes=42_000_000,
        problems=("clock 3600 s ahead of the collector's (timedatectl)",),
    ),
    events=(
        Event(id=1, kind=EventKind.ZONE_CHANGED, at=NOW, zone=ZONE, text="clear → listed"),
        Event(id=2, kind=EventKind.LOG_GAP, at=NOW, window=(NOW - timedelta(hours=1), NOW)),
    ),
    log_position=b"\x00position",
    counted_to=NOW - timedelta(seconds=1),
)
