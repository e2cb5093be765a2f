"""What many tools do: any answer of a zone is a listing, three missed beats by the wall clock are a
dead node, a rate is a rate however few were counted. Knows no sentinels, no second opinion and no
brake. Watches the same fleet and touches nothing.
"""

from collections import deque
from collections.abc import Iterator

from collector.core.judgement import Judgement
from deliverability.catalogue import CATALOGUE
from deliverability.replies import Outcome
from tests.incidents.record import Record
from tests.simulation.agent import Agent
from tests.simulation.fleet import Fleet
from tests.simulation.link import Link

MISSED_SECONDS = 90.0
BOUNCE_RATIO = 0.10
COMPLAINT_RATIO = 0.003
DISK_RATIO = 0.95
DAY_SECONDS = 86_400.0


class NaiveChecker:
    """`record` holds what it would have done."""

    def __init__(self, fleet: Fleet, *, begins_at: float) -> None:
        self.record = Record()
        self._fleet = fleet
        self._begins_at = begins_at
        self._heard: dict[str, float] = {}
        self._rounds: dict[str, int] = {}
        self._listed: dict[str, set[str]] = {}
        self._counted: dict[str, deque[tuple[float, int, int]]] = {}

    def watch(self, fleet: Fleet, _: list[Judgement]) -> None:
        """A collector that is down watches nobody; when it is back it reads its old table."""
        at = fleet.clock.seconds - self._begins_at
        if fleet.process is None:
            return
        wall = fleet.clock.now().timestamp()
        lost: list[str] = []
        if fleet.is_calm:
            # Heartbeats that say nothing new are passed over, and were heard.
            for link in fleet.links.values():
                self._hear(link, wall=wall)
        for link in fleet.links.values():
            agent = link.agent
            if wall - self._heard.get(agent.node_id, wall) > MISSED_SECONDS:
                lost += agent.addresses
        for link in fleet.links.values():
            self._hear(link, wall=wall)
        paused = {key for link in fleet.links.values() for key in self._pauses(link.agent, at)}
        self.record.out.level([(ip,) for ip in set(lost)], at=at)
        self.record.pauses.level(paused, at=at)
        away = {ip for ip, _ in paused} | set(lost)
        every = {ip for link in fleet.links.values() for ip in link.agent.addresses}
        self.record.members.level([(ip,) for ip in every - away], at=at)

    def _hear(self, link: Link, *, wall: float) -> None:
        agent = link.agent
        if link.is_up:
            self._heard[agent.node_id] = wall
            if self._rounds.get(agent.name) != agent.state.round:
                self._rounds[agent.name] = agent.state.round
                self._listed[agent.name] = set(self._look(agent))

    def _look(self, agent: Agent) -> Iterator[str]:
        """Addresses for which any zone gave any answer."""
        for name in (zone.name for zone in agent.zones):
            for ip in agent.addresses:
                if self._fleet.world.ask(CATALOGUE[name], ip, asker=agent.name).addresses:
                    yield ip

    def _pauses(self, agent: Agent, at: float) -> Iterator[tuple[str, str]]:
        for ip in self._listed.get(agent.name, ()):
            yield ip, "LISTED"
        for ip in agent.addresses:
            sent, bounced = self._day(agent, ip, at)
            if bounced and bounced >= BOUNCE_RATIO * (sent + bounced):
                yield ip, "BOUNCE_RATE"
            complaints = self._fleet.memory.tables.complaints.get(ip, 0)
            if complaints and complaints >= COMPLAINT_RATIO * max(1, sent):
                yield ip, "COMPLAINT_RATE"
            if agent.disk_ratio >= DISK_RATIO:
                yield ip, "DISK_FULL"
            if "stopped" in agent.services.values() or not agent.postfix.observed.running:
                yield ip, "SERVICE_DOWN"

    def _day(self, agent: Agent, ip: str, at: float) -> tuple[int, int]:
        """Sent and bounced within the last day."""
        cells = [cell for (address, _), cell in agent.state.cells.items() if address == ip]
        totals = [dict(cell.attempts) for cell in cells]
        sent = sum(one.get(Outcome.SENT, 0) for one in totals)
        bounced = sum(one.get(Outcome.BOUNCED, 0) for one in totals)
        kept = self._counted.setdefault(ip, deque())
        if not kept or kept[-1][1:] != (sent, bounced):
            kept.append((at, sent, bounced))
        while len(kept) > 1 and kept[1][0] <= at - DAY_SECONDS:
            kept.popleft()
        _, sent_before, bounced_before = kept[0]
        is_young = kept[0][0] > at - DAY_SECONDS
        return (sent, bounced) if is_young else (sent - sent_before, bounced - bounced_before)
