"""A fleet as planned, and each agent's way to the collector."""

from collections import deque
from dataclasses import dataclass, field

from collector.core.heartbeat import Heartbeat
from collector.core.model import Automation
from tests.simulation.agent import Agent
from tests.simulation.process import Stream

BEATS_KEPT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPlan:
    """`addresses` of each node; `ipv6`: the last of them is one."""

    name: str = "default"
    nodes: int = 1
    addresses: int = 1
    ipv6: bool = False
    automation: Automation = Automation.ACT
    zones: tuple[str, ...] = ("zen.spamhaus.org",)
    # The first so many are new, and warm up; `is_weighted`: shares follow what each can take.
    warming: int = 0
    is_weighted: bool = False


@dataclass(slots=True, eq=False)
class Link:
    """One agent's way to the collector."""

    agent: Agent
    stream: Stream | None = None
    is_running: bool = True
    is_cut: bool = False
    # Its next heartbeat comes after the one that follows; it hears no acknowledgement.
    is_late: bool = False
    waiting: Heartbeat | None = None
    is_deaf: bool = False
    failures: int = 0
    connect_at: float = 0.0
    beat_at: float = 0.0
    touched_at: float = 0.0
    # As they were sent, for those that come once more or late.
    beats: deque[Heartbeat] = field(default_factory=lambda: deque(maxlen=BEATS_KEPT))

    @property
    def is_up(self) -> bool:
        return self.is_running and not self.is_cut and self.stream is not None


def address(number: int, place: int, plan: PoolPlan) -> str:
    """Of the node's `place`-th address; 198.18.0.0/15 is for benchmarks of networks (RFC 2544)."""
    if plan.ipv6 and place == plan.addresses - 1:
        return f"2001:db8:{number:x}:{place:x}::1"
    return f"198.18.{place}.{number}" if number < 256 else f"198.19.{place}.{number - 255}"
