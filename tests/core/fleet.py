"""Small fleets for the core's tables: values only, the moment is NOON."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from collector.core.judge import judge
from collector.core.judgement import Judgement
from collector.core.model import (
    AddressFacts,
    Automation,
    Brake,
    Denial,
    Detector,
    Fate,
    Fleet,
    Kind,
    Lifecycle,
    Listing,
    Liveness,
    Look,
    NodeFacts,
    Obedience,
    Order,
    Pause,
    PoolFacts,
    Reason,
    Snapshot,
    ZoneFact,
)
from collector.core.policy import Policy
from collector.core.readings import StandingOrders
from deliverability.zones import Sentinels, Verdict

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
ZEN = "zen.spamhaus.org"
SPAMCOP, BARRACUDA = "bl.spamcop.net", "b.barracudacentral.org"
MINOR = "psbl.surriel.com"
POLICY = Policy()
HEALTHY = Detector(frozen=False, healthy_since=NOON - timedelta(hours=1))


# What a node that automation may pause is told to do without us.
STANDING = StandingOrders(unheard_for=timedelta(minutes=15), sweeps=2)


def ago(**parts: float) -> datetime:
    return NOON - timedelta(**parts)


def fact(
    verdict: Verdict = Verdict.LISTED,
    *,
    ip: str = "198.51.100.1",
    answers: tuple[str, ...] = ("127.0.0.2",),
    sentinels: Sentinels = Sentinels.RIGHT,
    rounds: int = 1,
) -> ZoneFact:
    """The node's newest word, said for `rounds` sweeps five minutes apart."""
    return ZoneFact(
        address=ip,
        zone=ZEN,
        verdict=verdict,
        answers=answers if verdict is Verdict.LISTED else (),
        sentinels=sentinels,
        round=rounds,
        received_at=ago(seconds=5),
        since=ago(seconds=5 + 300 * (rounds - 1)),
        rounds=rounds,
    )


def look(
    verdict: Verdict = Verdict.LISTED,
    *,
    ip: str = "198.51.100.1",
    sentinels: Sentinels = Sentinels.RIGHT,
    at: datetime | None = None,
) -> Look:
    return Look(
        address=ip,
        zone=ZEN,
        verdict=verdict,
        answers=("127.0.0.2",) if verdict is Verdict.LISTED else (),
        sentinels=sentinels,
        at=at or ago(seconds=1),
    )


def listing(ip: str = "198.51.100.1", *, node: str = "n1", at: datetime | None = None) -> Listing:
    return Listing(
        id=f"listing-{ip}",
        node_id=node,
        address=ip,
        zone=ZEN,
        answers=("127.0.0.2",),
        opened_at=at or ago(minutes=20),
        confirmed_by="the collector's resolver",
    )


def pause(
    reason: Reason = Reason.LISTED,
    *,
    node: str = "n1",
    ip: str | None = "198.51.100.1",
    owner: str = "automation",
) -> Pause:
    return Pause(
        id=f"pause-{node}-{reason.value}",
        node_id=node,
        address=ip,
        reason=reason,
        owner=owner,
        opened_at=ago(minutes=20),
        decision_id="d1",
    )


def address(ip: str = "198.51.100.1", *, in_rotation: bool = True, **rest: object) -> AddressFacts:
    empty = AddressFacts(ip=ip, in_rotation=in_rotation, rotation_reason=None, rotation_since=None)
    return replace(empty, **rest)  # type: ignore[arg-type]


def node(name: str = "n1", *addresses: AddressFacts, **rest: object) -> NodeFacts:
    """A fresh, active node heard for long, in pool p1."""
    facts = NodeFacts(
        id=name,
        name=name,
        pool_id="p1",
        automation=None,
        lifecycle=Lifecycle.ACTIVE,
        liveness=Liveness.FRESH,
        silence=timedelta(seconds=10),
        heard_in_row=9,
        addresses=addresses or (address(),),
        last_usable_answer_at=ago(minutes=1),
        enrolled_at=ago(days=9),
    )
    return replace(facts, **rest)  # type: ignore[arg-type]


def in_step(order: Order) -> dict[str, object]:
    """Of a node that verified this directive."""
    said = Obedience(
        order=order.order,
        convergence="verified",
        is_silent=order.is_silent,
        problem="",
    )
    return {"order": order, "order_at": ago(minutes=5), "obedience": said}


def denial(*about: str, at: datetime | None = None) -> Denial:
    """A person's no, to these causes."""
    return Denial(decision_id="d", at=at or ago(minutes=10), about=about)


def pool(*, automation: Automation = Automation.ACT, **numbers: int) -> PoolFacts:
    size = numbers.get("addresses", 10)
    return PoolFacts(
        id="p1",
        name="default",
        automation=automation,
        addresses=size,
        in_rotation=numbers.get("in_rotation", size),
        baseline=numbers.get("baseline", size),
        nodes=numbers.get("nodes", size),
        newly_silent=numbers.get("newly_silent", 0),
        heard=numbers.get("heard", size),
    )


def snapshot(*nodes: NodeFacts, pools: PoolFacts | None = None, **fleet: object) -> Snapshot:
    known = pools or pool()
    whole = Fleet(
        addresses=known.addresses, pools={"p1": known}, open_listings={}, detector=HEALTHY
    )
    return Snapshot(nodes=nodes, fleet=replace(whole, **fleet), term=3)  # type: ignore[arg-type]


def judged(seen: Snapshot) -> Judgement:
    return judge(seen, POLICY, now=NOON)


def fates(judgement: Judgement) -> list[tuple[Kind, Fate, Brake | None]]:
    return [(d.proposal.kind, d.fate, d.brake) for d in judgement.decisions]
