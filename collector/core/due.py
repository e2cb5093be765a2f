"""When a node must be judged again though nothing new is said of it. Judges nothing itself."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from collector.core import machine, obedience, warming
from collector.core.model import Decision, Fate, NodeFacts, Reason, Snapshot
from collector.core.policy import Policy
from collector.core.readings import DnsState
from collector.core.reputation import Opinion, Stand
from collector.core.signals import NodeSignals
from deliverability.zones import Tier


def timers(
    nodes: Iterable[NodeSignals],
    snapshot: Snapshot,
    *,
    decisions: Sequence[Decision],
    policy: Policy,
    now: datetime,
) -> Iterator[tuple[str, datetime]]:
    """(node id, when), of those of this snapshot that need it."""
    held, denied = held_back(snapshot, decisions), _denied(snapshot, policy)
    for node in nodes:
        id_ = node.facts.id
        soon = [now + policy.look_again_after] if id_ in held else []
        ends = [at for at in denied.get(id_, ()) if at > now]
        looks = [*soon, *ends, next_look(node, policy, now=now)]
        at = min((at for at in looks if at is not None), default=None)
        if at is not None:
            yield id_, at


def next_look(said: NodeSignals, policy: Policy, *, now: datetime) -> datetime | None:
    """None: not needed."""
    node = said.facts
    is_open = any(_is_open(one) for address in said.addresses for one in address.opinions)
    looks = [now + policy.look_again_after] if is_open or said.is_lost else []
    if obedience.is_told_to_be_silent(node) and not obedience.obeys(node):
        looks.append(now + policy.obey_within / 2)
    day_over = warming.next_look(node, policy)
    if day_over is not None:
        # A day that could not be judged yet is tried again, not at once.
        looks.append(day_over if day_over > now else now + policy.look_again_after)
    runs_out = (*_timers(node, policy, now=now), *_grown_old(said, policy, now=now))
    return min([*looks, *runs_out], default=None)


def _is_open(said: Opinion) -> bool:
    """A question that time alone, or our own resolver, may answer. What simply is listed, or not,
    stays so until the node says something else."""
    return said.awaits_look or said.stand not in (Stand.NOTHING, Stand.STILL)


def _grown_old(said: NodeSignals, policy: Policy, *, now: datetime) -> Iterator[datetime]:
    """When what one major operator lists has stood for so long that it may pause by itself."""
    for address in said.addresses:
        for listing in address.standing:
            zone, at = address.catalogue.get(listing.zone), listing.opened_at
            at += policy.major_alone_after
            if zone is not None and zone.tier is Tier.MAJOR and at > now:
                yield at


def held_back(snapshot: Snapshot, decisions: Iterable[Decision]) -> frozenset[str]:
    """Nodes of which a brake withheld something: it may let go without any word of theirs."""
    known = {key.node_id for key, one in snapshot.standing.items() if one.fate is Fate.WITHHELD}
    new = {one.proposal.subject.node_id for one in decisions if one.fate is Fate.WITHHELD}
    return frozenset(known | new)


def _denied(snapshot: Snapshot, policy: Policy) -> dict[str, list[datetime]]:
    """By node: when a person's no to what was counted ends by itself."""
    lasts = {
        Reason.BOUNCE_RATE: policy.rate_pause_lasts,
        Reason.COMPLAINT_RATE: policy.rate_pause_lasts,
        Reason.BLOCKED: policy.probe_after,
    }
    found: dict[str, list[datetime]] = {}
    for key, denial in snapshot.denials.items():
        if key.reason in lasts:
            found.setdefault(key.node_id, []).append(denial.at + lasts[key.reason])
    return found


def _timers(node: NodeFacts, policy: Policy, *, now: datetime) -> Iterator[datetime]:
    """What runs out by itself; what ran out already was judged just now."""
    for pause in node.pauses:
        yield from (at for at in (pause.expires_at, pause.probe_at) if at and at > now)
    for service in machine.smtp(node.services):
        at = service.since + policy.service_down_after
        if service.state == machine.STOPPED and at > now:
            yield at
    for address in node.addresses:
        for record in address.dns:
            at = record.since + policy.dns_broken_after
            if record.state is DnsState.BROKEN and at > now:
                yield at
