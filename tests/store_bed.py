"""Values and a clock for whoever tests against the real store."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.adapters import store
from collector.adapters.store import SqlStore
from collector.core.heartbeat import (
    AgentReading,
    Cell,
    Event,
    Heartbeat,
    Hello,
    HostReading,
    Numbers,
    PostfixReading,
    QueueReading,
    ZoneReading,
)
from collector.core.model import (
    Automation,
)
from collector.ports import Actor, AuditEntry, Store
from collector.ports_identity import Certificate, NewNode, Token
from deliverability.replies import Outcome
from deliverability.zones import Sentinels, Verdict

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ZONE = "zen.spamhaus.org"
EPOCH = "epoch-1"


class HandClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> datetime:
        self.seconds += seconds
        return self.now()


@asynccontextmanager
async def opened(folder: Path, clock: HandClock | None = None) -> AsyncIterator[SqlStore]:
    found = await store.open(folder, clock or HandClock())
    try:
        yield found
    finally:
        await found.close()


def entry(action: str = "tested", subject: str = "store", *, at: datetime = START) -> AuditEntry:
    return AuditEntry(
        actor=Actor(name="anna", origin="192.0.2.200"),
        action=action,
        subject=subject,
        before={"was": 1},
        after={"is": 2},
        at=at,
    )


def token(secret_hash: str, pool_id: str, *, node_id: str | None = None) -> Token:
    return Token(
        secret_hash=secret_hash,
        pool_id=pool_id,
        created_at=START,
        expires_at=START + timedelta(minutes=30),
        created_by="anna",
        node_id=node_id,
    )


def new_node(number: int, pool_id: str, *, at: datetime = START) -> NewNode:
    return NewNode(
        id=node_id(number),
        name=f"mx{number}",
        pool_id=pool_id,
        machine_id=f"machine-{number}",
        hostname=f"mx{number}.example.net",
        addresses=(ip(number),),
        enrolled_at=at,
    )


def node_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def ip(number: int) -> str:
    return f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"


def certificate(number: int, node: str, *, at: datetime = START) -> Certificate:
    return Certificate(
        fingerprint=f"{number:064x}",
        node_id=node,
        serial=2**150 + number,
        not_before=at - timedelta(days=1),
        not_after=at + timedelta(days=30),
    )


async def pool_of(found: Store, *, automation: Automation = Automation.ACT) -> str:
    return await found.add_pool("default", automation=automation, entry=entry("add pool"))


async def enrol(found: Store, numbers: Sequence[int], pool_id: str) -> None:
    """Nodes by token, each with its epoch begun."""

    async def one(number: int) -> None:
        await found.add_token(token(f"token-{number}", pool_id), entry("make token"))
        node = new_node(number, pool_id)
        made = certificate(number, node.id)
        await found.enrol(f"token-{number}", node, certificate=made, entry=entry("enrol", node.id))

    for number in numbers:
        await one(number)
    await asyncio.gather(*(found.begin_epoch(node_id(number), epoch=EPOCH) for number in numbers))


def host(sequence: int = 0) -> HostReading:
    return HostReading(
        cpu_ratio=0.25,
        cpu_count=2,
        memory_bytes_total=2_000_000_000,
        memory_bytes_used=500_000_000,
        load_1m=0.5,
        disk_bytes_total=40_000_000_000,
        disk_bytes_used=10_000_000_000,
        inodes_total=1_000_000,
        inodes_used=20_000,
        network_bytes_received=1_000_000 + 30_000 * sequence,
        network_bytes_sent=2_000_000 + 60_000 * sequence,
        network_packets_received=1_000,
        network_packets_sent=2_000,
        uptime_seconds=3_600 + 30 * sequence,
    )


def cell(address: str, receiver: str, **counts: int) -> Cell:
    """`counts`: attempts by outcome, and the cell's numbers."""
    numbers = {name: counts.pop(name) for name in Numbers._fields if name in counts}
    counted = tuple((Outcome(name), number) for name, number in counts.items())
    return Cell(address=address, receiver=receiver, attempts=counted, numbers=Numbers(**numbers))


def zone_reading(
    address: str,
    verdict: Verdict,
    *,
    round: int,  # noqa: A002  # the wire's word
    sentinels: Sentinels = Sentinels.RIGHT,
) -> ZoneReading:
    return ZoneReading(
        address=address,
        zone=ZONE,
        verdict=verdict,
        answers=("127.0.0.2",) if verdict is Verdict.LISTED else (),
        sentinels=sentinels,
        round=round,
        checked_at=START,
        why="timeout" if verdict is Verdict.UNKNOWN else "",
    )


def event(number: int, text: str = "seen") -> Event:
    return Event(id=number, kind="ZONE_CHANGED", at=START, zone=None, window=None, text=text)


def beat(
    number: int,
    sequence: int,
    *,
    cells: Sequence[Cell] = (),
    zones: Sequence[ZoneReading] = (),
    epoch: str = EPOCH,
) -> Heartbeat:
    """Sent 30 s after the one before, half a second before it arrived."""
    received = START + timedelta(seconds=30 * sequence)
    return Heartbeat(
        node_id=node_id(number),
        epoch=epoch,
        sequence=sequence,
        sent_at=received - timedelta(milliseconds=500),
        received_at=received,
        host=host(sequence),
        queue=QueueReading(
            active=3, incoming=0, deferred=7, hold=0, maildrop=None, oldest_age_seconds=90
        ),
        services=(("postfix", "running"),),
        cells=tuple(cells),
        full_state=False,
        zones=tuple(zones),
        postfix=postfix(),
        agent=AgentReading(
            started_at=START,
            lines_read=10,
            lines_unparsed=0,
            events_lost=0,
            state_errors=0,
            memory_bytes=45_000_000,
            problems=(),
        ),
        events=(),
        log_position=f"position {sequence}".encode(),
        counted_to=received,
    )


def postfix() -> PostfixReading:
    return PostfixReading(
        running=True,
        version="3.7.11",
        outbound=("smtp", "relay"),
        deferred=(),
        reload_at=None,
        order=(1, 1),
        convergence="verified",
        problem="",
        deliveries_in_flight=0,
        deliveries_begun=0,
        is_silent=False,
    )


def hello(number: int, **changes: object) -> Hello:
    made = Hello(
        node_id=node_id(number),
        agent_version="0.1.0",
        machine_id=f"machine-{number}",
        boot_id="boot",
        run_id="run",
        epoch=EPOCH,
        sequence=0,
        counted_from=START,
        applied=None,
        term_highest=0,
        capabilities=("pause",),
        sent_at=START,
        received_at=START,
        hostname=f"mx{number}.example.net",
        addresses=(ip(number),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the caller names Hello's fields


def fill(folder: Path, count: int, pool_id: str) -> None:
    """Many nodes at once into a closed journal, as `enrol` would have left them one by one."""
    at = int(START.timestamp() * 1000)
    numbers = range(1, count + 1)
    journal = sqlite3.connect(folder / "journal.db")
    with journal:
        journal.executemany(
            "INSERT INTO nodes (id, name, pool_id, lifecycle, machine_id, hostname, enrolled_at)"
            " VALUES (?, ?, ?, 'active', ?, ?, ?)",
            [
                (node_id(n), f"mx{n}", pool_id, f"machine-{n}", f"mx{n}.example.net", at)
                for n in numbers
            ],
        )
        journal.executemany(
            "INSERT INTO epochs (number, node_id, epoch, began_at) VALUES (?, ?, ?, ?)",
            [(n, node_id(n), EPOCH, at) for n in numbers],
        )
        journal.executemany(
            "INSERT INTO node_states (number, node_id, epoch_number, epoch) VALUES (?, ?, ?, ?)",
            [(n, node_id(n), n, EPOCH) for n in numbers],
        )
        journal.executemany(
            "INSERT INTO addresses (node_id, ip, position, pool_id, in_rotation)"
            " VALUES (?, ?, 0, ?, 1)",
            [(node_id(n), ip(n), pool_id) for n in numbers],
        )
    journal.close()
