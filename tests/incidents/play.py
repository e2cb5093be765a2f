"""Plays an incident: a fleet that has been healthy for a while, its facts at their times, and an
observer who writes down what the collector did.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from zlib import crc32

from collector.core.judgement import Judgement
from collector.core.model import Fate, Reason
from tests.incidents import verdict
from tests.incidents.acting import Acting
from tests.incidents.incident import Incident, IncidentError
from tests.incidents.naive import NaiveChecker
from tests.incidents.record import Decided, Record
from tests.incidents.verdict import Outcome
from tests.simulation.fleet import Fleet
from tests.simulation.snapshot_store import open_pauses

# The fleet is up and heard, its zones swept more than once, when an incident begins.
BEGINS_AT = 900.0
BY_HAND = (Reason.OPERATOR,)


async def play(incident: Incident) -> tuple[Outcome, Outcome]:
    """What came of it: by mailfleet, and by the naive checker over the same facts."""
    stage = Stage(incident)
    await stage.run()
    ours = verdict.judge(incident, stage.record, names=stage.names)
    theirs = verdict.judge(incident, stage.checker.record, names=stage.names, pauses_only=True)
    return ours, theirs


class Stage:
    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        self.record = Record()
        chance = Random(crc32(incident.name.encode()))
        self.fleet = Fleet(incident.pools, policy=incident.policy, random=chance)
        self.checker = NaiveChecker(self.fleet, begins_at=BEGINS_AT)
        self._acting = Acting(self, begins_at=BEGINS_AT)
        self._decisions_seen = 0

    async def run(self) -> None:
        await self.fleet.join()
        for fact in self.incident.facts:
            self._acting.schedule(fact)
        await self.fleet.advance(BEGINS_AT)
        self._remember_a_day()
        self._decisions_seen = len(self.fleet.memory.tables.decisions)
        self.fleet.watchers += [self._watch, self.checker.watch]
        await self.fleet.advance(BEGINS_AT + self.incident.lasts)

    @property
    def lasts(self) -> float:
        return self.incident.lasts

    def _remember_a_day(self) -> None:
        """The rotation has been as it is for a day: the floor's baseline is a median of one."""
        pools, now = self.fleet.memory.tables.pools, self.fleet.clock.now()
        for pool_id, pool in pools.items():
            _, size = pool.rotations[-1]
            pools[pool_id] = replace(pool, rotations=((now - timedelta(days=1), size),))

    def names(self, name: str) -> tuple[str, ...]:
        """The addresses behind `all`, `pool:NAME`, `n3`, or `n3/2`, its second one."""
        if name == "all":
            return tuple(ip for link in self.fleet.links.values() for ip in link.agent.addresses)
        if name.startswith("pool:"):
            pool_id = self.fleet.pool_ids[name.removeprefix("pool:")]
            rows = self.fleet.memory.tables.addresses.values()
            return tuple(row.ip for row in rows if row.pool_id == pool_id)
        if name.count(".") == 3:
            return (name,)
        node, _, place = name.partition("/")
        if node not in self.fleet.links:
            raise IncidentError(f"there is no node {node}")
        held = self.fleet.links[node].agent.addresses
        return (held[int(place) - 1],) if place else held

    def _watch(self, fleet: Fleet, _: list[Judgement]) -> None:
        at, tables, record = fleet.clock.seconds - BEGINS_AT, fleet.memory.tables, self.record
        owned: dict[str, list[str]] = {}
        rows = [row for row in tables.addresses.values() if row.is_present]
        for row in rows:
            owned.setdefault(row.node_id, []).append(row.ip)
        held = [pause for node_id in owned for pause in open_pauses(tables, node_id)]
        record.pauses.level(
            [
                (ip, pause.reason.value)
                for pause in held
                if pause.reason not in BY_HAND
                for ip in (owned[pause.node_id] if pause.address is None else [pause.address])
            ],
            at=at,
        )
        record.out.level(
            [
                (row.ip,)
                for row in rows
                if not row.in_rotation and row.rotation_reason is Reason.SILENCE
            ],
            at=at,
        )
        record.members.level([(row.ip,) for row in rows if row.in_rotation], at=at)
        record.silent.level(
            [
                (ip,)
                for link in fleet.links.values()
                if link.agent.enforcement.reading.is_silent
                for ip in link.agent.addresses
            ],
            at=at,
        )
        names = {link.agent.node_id: link.agent.name for link in reversed(fleet.links.values())}
        record.alerts.level(
            [
                (key.partition(":")[0], key, names.get(one.node_id or "", ""))
                for key, one in tables.alerts.items()
            ],
            at=at,
        )
        self._note_decisions(owned, at=at)

    def _note_decisions(self, owned: Mapping[str, list[str]], *, at: float) -> None:
        rows = list(self.fleet.memory.tables.decisions.values())
        for row in rows[self._decisions_seen :]:
            one = row.decision
            if one.fate not in (Fate.WITHHELD, Fate.WOULD):
                continue
            subject = one.proposal.subject
            of = owned.get(subject.node_id, []) if subject.address is None else [subject.address]
            brake = one.brake.value if one.brake else ""
            kind, reason = one.proposal.kind.value, one.proposal.reason.value
            self.record.decided += [Decided(at, ip, kind, reason, brake) for ip in of]
        self._decisions_seen = len(rows)
