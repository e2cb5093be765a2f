"""STANDING_ORDER: a node that silenced itself while it heard no collector, and how that ends.

What it did is so, whatever automation may do now: the pause is a record of it, made even where the
pool only observes. Only the collector lifts it: when what the critical zones said is over, has
become a LISTED pause, or is part of a wave that the zone brake does not believe.
"""

from collections.abc import Iterable, Set
from datetime import datetime

from collector.core import rule_listed
from collector.core.model import Automation, Denial, Fleet, NodeFacts, Pause, Reason, Snapshot
from collector.core.policy import Policy
from collector.core.readings import StandingOrders
from collector.core.reputation import Opinion, Stand, is_clean
from collector.core.rule import Asked, Case, Rule
from collector.core.signals import NodeSignals
from collector.core.zonebrake import ZoneBrakes
from deliverability.zones import Tier

ENDED = "what made it silence itself is over, is a LISTED pause by now, or is held as a wave"


def _opens(case: Case) -> Asked | None:
    facts = case.node.facts
    said = facts.standing
    lifted = facts.order.standing_lifted if facts.order else None
    if said is None or (lifted is not None and lifted >= said.since):
        return None
    return Asked(
        rule="a node that silenced itself stays silent until the collector lifts it",
        evidence={"since": said.since.isoformat(), "said": said.text},
    )


def _ends(case: Case) -> Asked | None:
    """With news since it was opened: the critical zones say clear for two rounds, or what they list
    is paused as LISTED, or is held by the zone brake, as it would have been had we been there."""
    opened = [p.opened_at for p in case.node.facts.pauses if p.reason is Reason.STANDING_ORDER]
    asked = _critical(case.node)
    if not asked or any(one.fact.received_at < max(opened, default=case.now) for one in asked):
        return None
    if not all(_is_settled(one, case) for one in asked):
        return None
    return Asked(
        rule=ENDED,
        evidence={one.fact.zone: one.fact.verdict.value for one in asked},
    )


def _critical(node: NodeSignals) -> list[Opinion]:
    return [
        one
        for address in node.addresses
        for one in address.opinions
        if one.zone is not None
        and one.zone.tier is Tier.CRITICAL
        and not address.catalogue.is_dismissed(one.zone.name)
    ]


def _is_settled(said: Opinion, case: Case) -> bool:
    if is_clean(said.fact) and said.fact.rounds >= case.policy.clean_rounds:
        return True
    pauses = case.node.pauses_of(said.fact.address)
    return any(pause.reason is Reason.LISTED for pause in pauses) or _is_of_wave(said, case)


def _is_of_wave(said: Opinion, case: Case) -> bool:
    """Confirmed, and one of too many at once; receivers that refuse it too believe the zone."""
    (address,) = (one for one in case.node.addresses if one.facts.ip == said.fact.address)
    is_known = said.stand is Stand.CONFIRMED or said.listing is not None
    is_refused = rule_listed.receivers_confirm(address.facts.mail, case.policy)
    opened_at = said.listing.opened_at if said.listing else None
    return (
        is_known
        and not is_refused
        and case.brakes.holds(
            said.fact.zone, listed_at=opened_at, is_corroborated=False, now=case.now
        )
    )


def denied(snapshot: Snapshot) -> frozenset[str]:
    """Nodes of which a person said no to a listing's pause."""
    return frozenset(key.node_id for key in snapshot.denials if key.reason is Reason.LISTED)


def orders(
    node: NodeSignals, fleet: Fleet, *, denied: Set[str], brakes: ZoneBrakes, policy: Policy
) -> StandingOrders | None:
    """What the node may do without us; None where automation may not pause it, and where what the
    zones say is contested: by a person, by our own resolver, or by the zone brake."""
    facts = node.facts
    pool = fleet.pools[facts.pool_id]
    is_observing = Automation.OBSERVE in (facts.automation, pool.automation)
    is_contested = facts.id in denied or _is_contested(node, brakes)
    if is_observing or fleet.automation_stopped or is_contested:
        return None
    return StandingOrders(unheard_for=policy.standing_after, sweeps=policy.standing_sweeps)


def _is_contested(node: NodeSignals, brakes: ZoneBrakes) -> bool:
    return any(
        one.stand is Stand.DISAGREE
        or (one.stand is not Stand.NOTHING and one.fact.zone in brakes.held)
        for one in _critical(node)
    )


def lifted(
    node: NodeFacts, closed: Iterable[Pause], *, denial: Denial | None = None
) -> datetime | None:
    """Up to which silence of its own the node is freed; what was said once is said on. A person
    frees it of the one that was known then, of no later one."""
    before = node.order.standing_lifted if node.order else None
    is_over = any(p.reason is Reason.STANDING_ORDER for p in closed) or _is_about(denial, node)
    if node.standing is None or not is_over:
        return before
    return node.standing.since if before is None else max(before, node.standing.since)


def _lasts(case: Case) -> bool:
    return _is_about(case.denial, case.node.facts)


def _is_about(denial: Denial | None, node: NodeFacts) -> bool:
    since = node.standing.since if node.standing else None
    return denial is not None and since is not None and since.isoformat() in denial.about


RULE = Rule(reason=Reason.STANDING_ORDER, opens=_opens, ends=_ends, lasts=_lasts)
