# long: what must hold is read in one place
"""What must hold after every step, whatever happened. Judged by the truth of the world alone."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from collector.core import inputs_text, replay
from collector.core.judgement import Judgement
from collector.core.model import Decision, Fate, Kind, Reason
from deliverability.catalogue import CATALOGUE
from deliverability.zones import Sentinels, Verdict
from tests.core.snapshots import as_decided
from tests.simulation import snapshot_store
from tests.simulation.fleet import Fleet
from tests.simulation.happening import Truth
from tests.simulation.journal import AddressRow, DecisionRow, Journal
from tests.simulation.link import Link
from tests.simulation.plan import ZONE
from tests.simulation.violation import Violation as Violation
from tests.simulation.world import COLLECTOR

# From the first moment at which everything needed is there: a sweep, its heartbeat, a pass.
SLACK_SECONDS = 45.0
# A node that could be heard for so long is not silent: three intervals, a reconnect's longest wait.
HEARD_SECONDS = 300.0
# Person's words and directives reach a connected node within this.
OBEY_SECONDS = 60.0
CAUSED = {
    *(Reason.BOUNCE_RATE, Reason.BLOCKED, Reason.DISK_FULL, Reason.SERVICE_DOWN, Reason.DNS_BROKEN)
}
UNWANTED = {"LISTED", "STANDING_ORDER", "BOUNCE_RATE", "COMPLAINT_RATE", "BLOCKED"}
FLOORED = (Reason.SILENCE, Reason.BOUNCE_RATE, Reason.COMPLAINT_RATE)


@dataclass(slots=True)
class Goals:
    """`watch` after every step; `end` when all is over and made good."""

    fleet: Fleet
    truth: Truth
    steps: int = 0
    decisions: int = 0
    # What was withheld, by the brake that did.
    brakes: Counter[str] = field(default_factory=Counter)
    # Since when a condition has held without a break, by its name and subject.
    _since: dict[tuple[str, str], float] = field(default_factory=dict)
    _seen: int = 0
    _orders: dict[str, tuple[str, tuple[int, int]]] = field(default_factory=dict)

    def watch(self, fleet: Fleet, judged: list[Judgement]) -> None:
        self.steps += 1
        rows = self._news(fleet.memory.tables)
        for row in rows:
            self.decisions += 1
            if row.decision.brake is not None:
                self.brakes[row.decision.brake.value] += 1
            self._explained(row)
            self._not_our_fault(row.decision)
        for judgement in judged:
            self._above_floor(judgement)
            self._not_warmer_while_paused(judgement)
        self._empties_for_a_reason()
        for link in fleet.links.values():
            self._reachable(link)
            self._orders_grow(link)
            if link.agent.name.endswith("clone"):
                continue
            self._obeys(link)
            for ip in link.agent.addresses:
                self._listed_is_out(link, ip)
                self._held_is_out(link, ip)
        self._mass_is_held()

    def _news(self, tables: Journal) -> list[DecisionRow]:
        """A restored journal holds fewer than were seen."""
        rows = list(tables.decisions.values())
        self._seen = min(self._seen, len(rows))
        new, self._seen = rows[self._seen :], len(rows)
        return new

    def _lasted(self, name: str, subject: str, *, holds: bool) -> float:
        """For how many seconds the condition has held; 0 when it does not."""
        key, now = (name, subject), self.fleet.clock.seconds
        if not holds:
            self._since.pop(key, None)
            return 0.0
        return now - self._since.setdefault(key, now)

    # Every decision has evidence and replays.

    def _explained(self, row: DecisionRow) -> None:
        made = row.decision
        if made.proposal.rule == "operator":
            return
        if not made.proposal.evidence or not made.proposal.rule:
            raise Violation(f"no evidence: {_named(made)}")
        # As a journal would give them back.
        text = inputs_text.to_text(row.inputs) if row.inputs else "{}"
        again = replay.judge_again(inputs_text.from_text(text, strange=set()), self.fleet.policy)
        if again is None or as_decided(again) != as_decided(made):
            raise Violation(
                f"does not replay: {_named(made)}: {again and (again.fate, again.brake)}"
            )

    # No removal caused by our own fault.

    def _not_our_fault(self, made: Decision) -> None:
        proposal = made.proposal
        if made.fate is not Fate.MADE or not proposal.subject.node_id:
            return
        link = self._link_of(proposal.subject.node_id)
        if proposal.kind is Kind.REMOVE:
            lasted = self._lasted("reachable", link.agent.name, holds=_is_reachable(link))
            if lasted > HEARD_SECONDS:
                raise Violation(f"removed for silence, and it never was: {_named(made)}")
        if proposal.kind is Kind.ADMIT:
            heard = self._beats_of(link)
            if heard < self.fleet.policy.back_after_heartbeats:
                raise Violation(f"admitted after {heard} heartbeats: {_named(made)}")
        if proposal.kind is Kind.PAUSE and proposal.reason is Reason.LISTED:
            self._truly_listed(made, link)
        if proposal.kind is Kind.PAUSE and proposal.reason in CAUSED:
            name = link.agent.name.removesuffix(" clone")
            if name not in self.truth.causes.get(proposal.reason, ()):
                raise Violation(f"paused without a cause: {_named(made)} at {name}")

    def _truly_listed(self, made: Decision, link: Link) -> None:
        """Somebody whose test points answer rightly says so at this moment, or did at the sweep
        before: an answer is never believed from a zone that answers its test points wrongly."""
        ip = made.proposal.subject.address or ""
        if not any(
            saying.about is not None and ip in saying.about and saying.reply.addresses
            for saying in (*self.fleet.world.sayings, *self.fleet.world.lately())
        ):
            raise Violation(f"paused without a listing: {_named(made)} at {link.agent.name}")

    def _beats_of(self, link: Link) -> int:
        process = self.fleet.process
        return 0 if process is None else process.presence.in_row(link.agent.node_id)

    def _link_of(self, node_id: str) -> Link:
        return next(one for one in self.fleet.links.values() if one.agent.node_id == node_id)

    # Capacity stays above the floor where the floor applies.

    def _above_floor(self, judgement: Judgement) -> None:
        tables, policy = self.fleet.memory.tables, self.fleet.policy
        for made in judgement.decisions:
            proposal = made.proposal
            is_floored = proposal.reason in FLOORED and proposal.kind in (Kind.REMOVE, Kind.PAUSE)
            if made.fate is not Fate.MADE or not is_floored:
                continue
            pool = tables.pools[proposal.subject.pool_id]
            baseline = snapshot_store.baseline(pool.rotations, now=judgement.at)
            sizes = [size for _, size in pool.rotations]
            present, before = sizes[-1], sizes[-2] if len(sizes) > 1 else 0
            floor = math.ceil(policy.floor_ratio * baseline)
            if present < floor and before < baseline:
                raise Violation(f"{present} of {baseline} left in {pool.name}: {_named(made)}")

    # A cap does not rise while a pause stands that says the address's mail is not wanted.

    def _not_warmer_while_paused(self, judgement: Judgement) -> None:
        tables = self.fleet.memory.tables
        for change in judgement.warmups:
            before, ip = change.before, change.plan.subject
            if before is None or change.plan.stage <= before.stage:
                continue
            held = snapshot_store.open_pauses(tables, change.subject.node_id)
            paused = [p.reason.value for p in held if p.covers(ip) and p.reason.value in UNWANTED]
            if paused:
                stages = f"from stage {before.stage} to {change.plan.stage}"
                raise Violation(f"{ip} warmed up {stages} while paused: {', '.join(paused)}")

    # What the floor protects never empties a pool.

    def _empties_for_a_reason(self) -> None:
        tables = self.fleet.memory.tables
        for pool in tables.pools.values():
            sizes = [size for _, size in pool.rotations[-2:]]
            if len(sizes) < 2 or sizes[-1] or sizes[0] < 2:
                continue
            out = [row for row in tables.addresses.values() if row.pool_id == pool.id]
            if all(row.rotation_reason in FLOORED for row in out):
                raise Violation(f"{pool.name} went from {sizes[0]} to none: no one's word for it")

    # A listed address is not in the rotation beyond its bound.

    def _listed_is_out(self, link: Link, ip: str) -> None:
        row = self._row(link, ip)
        lasted = self._lasted("listed", ip, holds=self._is_known_listed(link, ip))
        bound = self.fleet.policy.sweep_critical.total_seconds() + SLACK_SECONDS
        if row is not None and row.in_rotation and lasted > bound:
            raise Violation(f"{ip} is listed for {lasted:.0f} s and in the rotation")
        postfix = link.agent.postfix
        if lasted > bound + OBEY_SECONDS and postfix.sends and not postfix.is_broken:
            raise Violation(f"{ip} is listed for {lasted:.0f} s and {link.agent.name} sends")

    def _is_known_listed(self, link: Link, ip: str) -> bool:
        """The zone lists it to the node and to us, nothing hinders anybody, and no more than a few
        are listed at all."""
        tables, world, zone = self.fleet.memory.tables, self.fleet.world, CATALOGUE[ZONE]
        if not world.sayings:
            return False
        if not _is_reachable(link) or self.fleet.process is None or self.truth.mass:
            return False
        if tables.switches.get("automation_stopped") or ZONE in tables.brakes:
            return False
        for asker in (link.agent.name, COLLECTOR):
            finding = world.find(zone, ip, asker=asker)
            if finding.verdict is not Verdict.LISTED or finding.sentinels is not Sentinels.RIGHT:
                return False
        return self._is_up_for_long(link) and self.fleet.faulty.is_calm

    def _is_up_for_long(self, link: Link) -> bool:
        lasted = self._lasted("connected", link.agent.name, holds=link.is_up)
        return lasted > HEARD_SECONDS

    # A zone that lists everybody takes nobody out for long.

    def _mass_is_held(self) -> None:
        tables, now = self.fleet.memory.tables, self.fleet.clock.seconds
        limit = max(
            self.fleet.policy.zone_brake_addresses,
            self.fleet.policy.zone_brake_ratio * len(tables.addresses),
        )
        bound = self.fleet.policy.sweep_critical.total_seconds() + SLACK_SECONDS
        for begun, about in self.truth.mass.items():
            if now - begun < bound or not self._is_plain(about):
                continue
            nodes = {row.node_id for row in tables.addresses.values() if row.ip in about}
            held = self._paused_by_zone(tables, about)
            if len(nodes) > limit and len(held) > limit:
                raise Violation(f"{len(held)} of {len(nodes)} paused by a zone that lists all")

    def _is_plain(self, about: frozenset[str]) -> bool:
        """Everybody of the wave was there all the time, and the journal was never put back."""
        of = [one for one in self.fleet.links.values() if about & set(one.agent.addresses)]
        return self.truth.restores == 0 and all(self._is_up_for_long(link) for link in of)

    def _paused_by_zone(self, tables: Journal, about: frozenset[str]) -> set[str]:
        return {
            pause.node_id
            for node_id in tables.nodes
            for pause in snapshot_store.open_pauses(tables, node_id)
            if pause.reason is Reason.LISTED and pause.address in about
        }

    # A person's pause is never lifted.

    def _held_is_out(self, link: Link, ip: str) -> None:
        name = link.agent.name
        holds = name in self.truth.held and link.is_up and self.fleet.process is not None
        lasted = self._lasted("held", ip, holds=holds)
        row = self._row(link, ip)
        if row is not None and row.in_rotation and lasted > OBEY_SECONDS:
            raise Violation(f"{name} is paused by a person and in the rotation")

    # No stale directive is obeyed.

    def _orders_grow(self, link: Link) -> None:
        wanted = link.agent.enforcement.wanted
        if wanted is None:
            return
        lineage = f"{link.agent.name} {link.agent.lineage}"
        before = self._orders.get(link.agent.name)
        if before is not None and before[0] == lineage and wanted.order < before[1]:
            raise Violation(f"{lineage} holds {wanted.order} after {before[1]}")
        self._orders[link.agent.name] = (lineage, wanted.order)

    def _obeys(self, link: Link) -> None:
        """What a connected node was told is what it does."""
        wanted = link.agent.enforcement.wanted
        is_asked = wanted is not None and wanted.wants_silence and link.is_running
        is_able = is_asked and not link.agent.postfix.is_broken
        lasted = self._lasted("obeying", link.agent.name, holds=bool(is_able))
        if lasted > OBEY_SECONDS and link.agent.postfix.sends:
            raise Violation(f"{link.agent.name} was told to be silent and sends")

    def _reachable(self, link: Link) -> None:
        self._lasted("reachable", link.agent.name, holds=_is_reachable(link))
        self._lasted("connected", link.agent.name, holds=link.is_up)

    def _row(self, link: Link, ip: str) -> AddressRow | None:
        return self.fleet.memory.tables.addresses.get((link.agent.node_id, ip))

    # In the end.

    def end(self) -> None:
        """Nobody is kept out by mistake; nothing was lost or counted twice."""
        for problem in (*self._kept_out(), *self._miscounted()):
            raise Violation(problem)

    def _kept_out(self) -> Iterator[str]:
        tables = self.fleet.memory.tables
        for link in self.fleet.links.values():
            name = link.agent.name
            pauses = snapshot_store.open_pauses(tables, link.agent.node_id)
            persons = {pause.reason for pause in pauses} & {Reason.OPERATOR, Reason.RESTORED}
            if any(pause.reason is Reason.BOUNCE_RATE for pause in pauses):
                continue  # it ends a day after it began
            if persons and (name in self.truth.held or self.truth.restores):
                continue
            for ip in link.agent.addresses:
                row = self._row(link, ip)
                if row is not None and not row.in_rotation:
                    why = ", ".join(sorted(pause.reason.value for pause in pauses)) or "no pause"
                    yield f"{ip} of {name} is still out, though nothing is wrong: {why}"

    def _miscounted(self) -> Iterator[str]:
        """Over all epochs the journal holds what the log does."""
        tables = self.fleet.memory.tables
        if self.truth.restores:
            return
        for link in self.fleet.links.values():
            agent = link.agent
            told: dict[str, int] = {}
            for (node_id, _), cells in tables.totals.items():
                for cell in cells.values() if node_id == agent.node_id else ():
                    for outcome, number in cell.attempts:
                        told[outcome.value] = told.get(outcome.value, 0) + number
            logged: dict[str, int] = {}
            for entry in agent.log.entries[: agent.state.position]:
                logged[entry.outcome.value] = logged.get(entry.outcome.value, 0) + entry.count
            if told != logged:
                yield f"{agent.name}: the log says {logged}, the journal {told}"


def _is_reachable(link: Link) -> bool:
    """Nothing but ourselves keeps it from being heard."""
    return link.is_running and not link.is_cut


def _named(made: Decision) -> str:
    proposal = made.proposal
    of = proposal.subject.address or proposal.subject.node_id
    brake = f" ({made.brake.value})" if made.brake else ""
    return f"{made.fate.value}{brake} {proposal.kind.value} {of} {proposal.reason.value}"
