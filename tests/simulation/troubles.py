"""What may happen to a node's mail, machine and words; and the truth about whom it happened to."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from collector.core.model import Reason
from collector.core.readings import DnsFact, DnsState
from deliverability.replies import Outcome
from tests.simulation.fleet import Fleet
from tests.simulation.link import Link
from tests.simulation.machine import Entry
from tests.simulation.mishaps import Mishaps
from tests.simulation.plan import Mishap
from tests.simulation.world import Saying, frozen, reply

STORM = 400
BLOCKS = 60
REWRITTEN = ("92.242.140.21", "127.0.0.2")


class Troubles:
    """`causes`: nodes that ever gave reason for such a pause, by name."""

    def __init__(self, fleet: Fleet, *, later: Callable[[float, Callable[[], object]], None]):
        self.causes: dict[Reason, set[str]] = {}
        self._fleet = fleet
        self._mishaps = Mishaps(fleet)
        self._later = later

    def _links(self, mishap: Mishap, reason: Reason | None = None) -> Iterable[Link]:
        for name in mishap.nodes:
            if reason is not None:
                self.causes.setdefault(reason, set()).add(name)
            yield self._fleet.links[name]

    def storm(self, mishap: Mishap) -> None:
        """So much bounces that its rate is beyond every limit."""
        for link in self._links(mishap, Reason.BOUNCE_RATE):
            self._write(link, "gmx", Outcome.BOUNCED, STORM, of="invalid_recipient")

    def blocked(self, mishap: Mishap) -> None:
        """One receiver refuses nearly all of it; later it takes it again."""
        for link in self._links(mishap, Reason.BLOCKED):
            self._write(link, "microsoft", Outcome.DEFERRED, BLOCKS, of="reputation_block")
            self._later(
                mishap.lasts,
                lambda one=link: self._write(one, "microsoft", Outcome.SENT, BLOCKS),  # type: ignore[misc]
            )

    def _write(self, link: Link, receiver: str, outcome: Outcome, count: int, of: str = "") -> None:
        agent = link.agent
        agent.log.write(Entry(ip, receiver, outcome, count, of) for ip in agent.addresses)

    def disk(self, mishap: Mishap) -> None:
        for link in self._links(mishap, Reason.DISK_FULL):
            link.agent.disk_ratio = 0.97
            self._later(mishap.lasts, lambda one=link: setattr(one.agent, "disk_ratio", 0.25))  # type: ignore[misc]

    def service(self, mishap: Mishap) -> None:
        for link in self._links(mishap, Reason.SERVICE_DOWN):
            link.agent.set_service("postfix", state="stopped")
            again = link.agent.set_service
            self._later(mishap.lasts, lambda one=again: one("postfix", state="running"))  # type: ignore[misc]

    def dns(self, mishap: Mishap) -> None:
        """The PTR of its addresses is gone, and comes back."""
        for link in self._links(mishap, Reason.DNS_BROKEN):
            self._publish(link, DnsState.BROKEN)
            self._later(mishap.lasts, lambda one=link: self._publish(one, DnsState.VALID))  # type: ignore[misc]

    def _publish(self, link: Link, state: DnsState) -> None:
        now = self._fleet.clock.now()
        for ip in link.agent.addresses:
            fact = DnsFact(record="PTR", name=ip, state=state, since=now, is_essential=True)
            self._fleet.memory.tables.dns[ip] = (fact,)
        if self._fleet.process is not None:
            self._fleet.process.bell.ring()

    def clock(self, mishap: Mishap) -> None:
        """Its wall clock is set, and set right again."""
        for link in self._links(mishap):
            link.agent.skew = timedelta(seconds=mishap.number)
            self._later(mishap.lasts, lambda one=link: setattr(one.agent, "skew", timedelta(0)))  # type: ignore[misc]

    def rewrites(self, mishap: Mishap) -> None:
        """Its resolver answers where there is nothing."""
        saying = Saying(
            zone="*",
            reply=reply(REWRITTEN[mishap.number % 2]),
            seen_by=frozen(mishap.nodes),
            is_instead_of_clear=True,
        )
        self._fleet.world.says(saying)
        self._later(mishap.lasts, lambda: self._fleet.world.stops(saying))

    async def again(self, mishap: Mishap) -> None:
        for name in mishap.nodes:
            await self._mishaps.replay(name)

    def late(self, mishap: Mishap) -> None:
        """Its next heartbeat arrives after the one that follows it."""
        for link in self._links(mishap):
            link.is_late = True

    def unheard_answers(self, mishap: Mishap) -> None:
        """What it says arrives; that it did, it never hears."""
        for link in self._links(mishap):
            link.is_deaf = True
            self._later(mishap.lasts, lambda one=link: setattr(one, "is_deaf", False))  # type: ignore[misc]
