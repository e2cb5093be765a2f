"""The sending platform: asks for grants now and then, and sends at once what it is given. What it
is given is judged here, by what was truly sent.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from collector.core.ledger import Wanted
from collector.ports import Refused, StoreError
from deliverability.replies import Outcome
from tests.simulation import snapshot_store, warming_store
from tests.simulation.fleet import Fleet
from tests.simulation.link import Link
from tests.simulation.machine import Entry
from tests.simulation.violation import Violation

EVERY_SECONDS = 3600.0
RECEIVERS = ("google", "gmx")
# For each address of a pool, so that a capped one comes to its cap.
WANTED = 40
EXPIRES = timedelta(minutes=10)


@dataclass(slots=True)
class Platform:
    fleet: Fleet
    # By address and day of the collector's clock: what was sent, and whether that day is counted
    # otherwise by the collector: its clock was set, or its journal put back.
    sent: Counter[tuple[str, date]] = field(default_factory=Counter)
    grants: int = 0
    messages: int = 0
    _ahead: timedelta = timedelta(0)
    _blurred: date | None = None
    _untold: dict[str, date] = field(default_factory=dict)

    def blur(self) -> None:
        """The collector cannot know what it granted today."""
        self._blurred = self.fleet.clock.now().date()

    async def ask(self) -> None:
        process = self.fleet.process
        if process is None:
            return
        if self.fleet.clock.ahead != self._ahead:
            self._ahead = self.fleet.clock.ahead
            self.blur()
        for name, pool_id in self.fleet.pool_ids.items():
            plan = next(one for one in self.fleet.plans if one.name == name)
            for receiver in RECEIVERS:
                self.grants += 1
                asked = Wanted(
                    messages=WANTED * plan.nodes * plan.addresses,
                    receiver=receiver,
                    expires_at=self.fleet.clock.now() + EXPIRES,
                )
                try:
                    answer = await process.rotations.grant(
                        pool_id, asked, key=f"{name} {self.grants}"
                    )
                except (Refused, StoreError):
                    continue
                for (node_id, ip), count in answer.grant.to if answer.grant else ():
                    self._send(node_id, ip, receiver=receiver, count=count)

    def _send(self, node_id: str, ip: str, *, receiver: str, count: int) -> None:
        links = self.fleet.links.values()
        link = next(one for one in links if one.agent.node_id == node_id)
        self._may_send(link, ip)
        self._below_cap(link, ip, count=count)
        self.messages += count
        if link.agent.postfix.sends:
            link.agent.log.write([Entry(ip, receiver, Outcome.SENT, count)])
            # A node tells within half a minute what it sent; the ledger counts on that.
            link.agent.has_news = True

    def _may_send(self, link: Link, ip: str) -> None:
        """Nobody paused, silent or out of step is given anything."""
        tables = self.fleet.memory.tables
        held = snapshot_store.open_pauses(tables, link.agent.node_id)
        paused = [p.reason.value for p in held if p.receiver is None and p.covers(ip)]
        if paused or not tables.addresses[link.agent.node_id, ip].in_rotation:
            raise Violation(f"{ip} was granted mail: {', '.join(paused) or 'not in the rotation'}")
        wanted, told = link.agent.enforcement.wanted, tables.orders[link.agent.node_id][0]
        is_obeyed = wanted is not None and wanted.order == told.order
        if link.is_up and is_obeyed and (told.node_pauses or dict(told.addresses).get(ip)):
            raise Violation(f"{ip} was granted mail, and was told to be silent")

    def _below_cap(self, link: Link, ip: str, *, count: int) -> None:
        plan = warming_store.capped(self.fleet.memory.tables, link.agent.node_id, ip)
        today = self.fleet.clock.now().date()
        self.sent[ip, today] += count
        if not link.is_up or not link.agent.postfix.sends or not self.fleet.faulty.is_calm:
            # What it sends is not told in time, or nothing is sent.
            self._untold[ip] = today
        if plan is None or plan.cap is None or today in (self._blurred, self._untold.get(ip)):
            return
        if self.sent[ip, today] > plan.cap.day:
            raise Violation(f"{ip} was granted {self.sent[ip, today]} of {plan.cap.day} a day")
