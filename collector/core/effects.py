"""What decisions change: pauses, rotation, the node's next directive, and things to be done.

Level, not edge: rotation and directive are computed from the pauses that will stand after this
pass, so that an operator's pause, committed without us, is carried out by the same lines.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from collector.core import brake_table, obedience, rule_standing
from collector.core.judgement import EffectDraft, PauseDraft, RotationChange
from collector.core.lifecycle import SENDING
from collector.core.model import (
    AddressFacts,
    Decision,
    Fate,
    Fleet,
    Kind,
    Look,
    NodeFacts,
    Order,
    Pause,
    Reason,
    Snapshot,
    StandingKey,
    Subject,
    ZoneFact,
)
from collector.core.policy import Policy
from collector.core.readings import StandingOrders
from collector.core.signals import NodeSignals
from collector.core.zonebrake import ZoneBrakes

STOP_SENDING = "STOP_SENDING"
# Where in the judgement a decision stands, by whom it is about and its kind.
_Made = dict[Subject, dict[Kind, int]]
_UNDATED = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The consequences of one pass's decisions."""

    pauses_open: tuple[PauseDraft, ...]
    pauses_close: tuple[str, ...]
    rotation: tuple[RotationChange, ...]
    orders: tuple[tuple[str, Order], ...]
    effects: tuple[EffectDraft, ...]


def plan(
    nodes: Sequence[NodeSignals],
    decisions: Sequence[Decision],
    *,
    snapshot: Snapshot,
    brakes: ZoneBrakes,
    policy: Policy,
) -> Changes:
    """Everything that follows from what was made."""
    made = tuple((i, one) for i, one in enumerate(decisions) if one.fate is Fate.MADE)
    by_subject = _by_subject(made)
    opened = tuple(_opened(i, one) for i, one in made if one.proposal.kind is Kind.PAUSE)
    closed = tuple(
        pause_id for _, one in made if one.proposal.kind is Kind.RESUME for pause_id in _ids(one)
    )
    gone, denied = frozenset(closed), rule_standing.denied(snapshot)
    after = _afterwards(nodes, opened, closed=gone)
    orders = tuple(
        (node.facts.id, order)
        for node, then in zip(nodes, after, strict=True)
        for order in (
            next_order(
                then,
                snapshot.fleet,
                term=snapshot.term,
                standing=rule_standing.orders(
                    node, snapshot.fleet, denied=denied, brakes=brakes, policy=policy
                ),
                lifted=_lifted(node.facts, snapshot, closed=gone),
            ),
        )
        if order is not None
    )
    return Changes(
        pauses_open=opened,
        pauses_close=closed,
        rotation=tuple(change for node in after for change in _rotation(node, by_subject)),
        orders=orders,
        effects=(*_looks(nodes), *(_send(node_id, order) for node_id, order in orders)),
    )


def _lifted(node: NodeFacts, snapshot: Snapshot, *, closed: Set[str]) -> datetime | None:
    key = StandingKey(node.id, None, Kind.PAUSE, Reason.STANDING_ORDER)
    over = [pause for pause in node.pauses if pause.id in closed]
    return rule_standing.lifted(node, over, denial=snapshot.denials.get(key))


def next_order(
    node: NodeFacts,
    fleet: Fleet,
    *,
    term: int,
    standing: StandingOrders | None = None,
    lifted: datetime | None = None,
) -> Order | None:
    """The node's whole wanted state as a new directive; None when the last one says the same.

    An order to be silent, of an earlier term and not shown to be obeyed, is given once more: after
    a restore the node may hold other words of the same number, and keeps those.
    """
    wanted = Order(
        term=term,
        revision=node.order.revision + 1 if node.order else 1,
        node_pauses=_reasons(node.pauses, None, stop=fleet.sending_stopped),
        addresses=tuple((a.ip, _reasons(node.pauses, a.ip)) for a in node.addresses),
        standing=standing,
        standing_lifted=lifted,
    )
    if node.order is not None and node.order.says_the_same(wanted):
        is_doubtful = node.order.term < term and wanted.is_silent and not obedience.obeys(node)
        return wanted if is_doubtful else None
    return wanted


def _reasons(
    pauses: Sequence[Pause], address: str | None, *, stop: bool = False
) -> tuple[str, ...]:
    held = {
        pause.reason.value
        for pause in pauses
        if pause.address == address and pause.receiver is None
    }
    return tuple(sorted(held | ({STOP_SENDING} if stop else set())))


def _opened(index: int, decision: Decision) -> PauseDraft:
    proposal = decision.proposal
    return PauseDraft(
        subject=proposal.subject,
        reason=proposal.reason,
        owner="automation",
        note=proposal.zone or "",
        decision=index,
        expires_at=proposal.expires_at,
        probe_at=proposal.probe_at,
    )


def _ids(decision: Decision) -> tuple[str, ...]:
    held = decision.proposal.evidence["pauses"]
    assert isinstance(held, list)
    return tuple(held)


def _by_subject(made: Sequence[tuple[int, Decision]]) -> _Made:
    found: _Made = {}
    for place, one in made:
        found.setdefault(one.proposal.subject, {})[one.proposal.kind] = place
    return found


def _afterwards(
    nodes: Sequence[NodeSignals], opened: Sequence[PauseDraft], *, closed: Set[str]
) -> tuple[NodeFacts, ...]:
    """The nodes as they will stand once this pass is committed."""
    new: dict[str, tuple[Pause, ...]] = {}
    for one in opened:
        new[one.subject.node_id] = (*new.get(one.subject.node_id, ()), _drafted(one))
    return tuple(
        replace(node.facts, pauses=kept + new.get(node.facts.id, ()))
        for node in nodes
        for kept in (tuple(one for one in node.facts.pauses if one.id not in closed),)
    )


def _drafted(draft: PauseDraft) -> Pause:
    """A pause not yet in the journal: only what the directive and the rotation look at is real."""
    return Pause(
        id="",
        node_id=draft.subject.node_id,
        address=draft.subject.address,
        reason=draft.reason,
        owner=draft.owner,
        opened_at=_UNDATED,
        decision_id="",
        receiver=draft.subject.receiver,
    )


def _rotation(node: NodeFacts, made: _Made) -> Iterator[RotationChange]:
    for address in node.addresses:
        subject = Subject(node_id=node.id, address=address.ip, pool_id=node.pool_id)
        change = _membership(node, address, subject=subject, mine=made.get(subject, {}))
        if change is not None:
            yield change


def _membership(
    node: NodeFacts, address: AddressFacts, *, subject: Subject, mine: Mapping[Kind, int]
) -> RotationChange | None:
    """One address's change. Whatever covers it takes it out, decided just now or by a person.
    `mine`: where what was decided of it stands."""
    covering = next((p.reason for p in node.pauses if p.covers(address.ip)), None)
    if address.in_rotation and (covering or node.lifecycle not in SENDING):
        return RotationChange(
            subject=subject, member=False, reason=covering, decision=mine.get(Kind.PAUSE)
        )
    if address.in_rotation and Kind.REMOVE in mine:
        return RotationChange(
            subject=subject, member=False, reason=Reason.SILENCE, decision=mine[Kind.REMOVE]
        )
    if not address.in_rotation and Kind.ADMIT in mine and covering is None:
        return RotationChange(
            subject=subject,
            member=True,
            reason=None,
            decision=mine[Kind.ADMIT],
            is_return=brake_table.is_return(address),
        )
    return None


def _looks(nodes: Sequence[NodeSignals]) -> Iterator[EffectDraft]:
    """Second looks that are due."""
    for node in nodes:
        for address in node.addresses:
            for opinion in address.opinions:
                if opinion.wants_look:
                    zone, ip = opinion.fact.zone, address.facts.ip
                    yield EffectDraft(
                        key=f"look:{zone}:{ip}:{_follows(opinion.fact, address.facts.looks)}",
                        kind="look",
                        node_id=node.facts.id,
                        payload={"zone": zone, "address": ip, "not_by": opinion.fact.resolver},
                    )


def _follows(fact: ZoneFact, looks: Sequence[Look]) -> str:
    """The answer and the look that a look follows: asked once each, and again when it has come,
    be it of use or not."""
    last = next((one.at for one in looks if one.zone == fact.zone), None)
    return ".".join(str(int(at.timestamp() * 1000)) if at else "0" for at in (fact.since, last))


def _send(node_id: str, order: Order) -> EffectDraft:
    return EffectDraft(
        key=f"directive:{node_id}:{order.term}.{order.revision}",
        kind="directive",
        node_id=node_id,
        payload={"term": order.term, "revision": order.revision},
    )
