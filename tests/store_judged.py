"""Judgements for whoever tests what the real store commits."""

from collector.core.judgement import (
    EffectDraft,
    Judgement,
    ListingDraft,
    PauseDraft,
    RotationChange,
)
from collector.core.model import (
    AddressFacts,
    AlertFact,
    Brake,
    Decision,
    Fate,
    Kind,
    Order,
    Proposal,
    Reason,
    Severity,
    Snapshot,
    Subject,
)
from collector.ports import Store
from tests.store_bed import START, ZONE, ip, node_id


def decision(
    number: int,
    pool_id: str,
    *,
    kind: Kind = Kind.PAUSE,
    fate: Fate = Fate.MADE,
    brake: Brake | None = None,
) -> Decision:
    return Decision(
        proposal=Proposal(
            kind=kind,
            subject=Subject(node_id=node_id(number), address=ip(number), pool_id=pool_id),
            reason=Reason.LISTED,
            rule="confirmed critical listing",
            evidence={"zone": ZONE, "answers": ("127.0.0.2",)},
            zone=ZONE,
        ),
        fate=fate,
        brake=brake,
        aggregates={"pool": pool_id},
        policy_revision=1,
        at=START,
    )


def judgement(**parts: object) -> Judgement:
    return Judgement(at=START, term=1, **parts)  # type: ignore[arg-type]  # Judgement's own fields


async def the_pool(journal: Store) -> str:
    (row,) = await journal.pools()
    return str(row["id"])


async def listed(journal: Store) -> Judgement:
    """Node 1 is found listed: everything one pass may write at once."""
    pool_id = await the_pool(journal)
    subject = Subject(node_id=node_id(1), address=ip(1), pool_id=pool_id)
    order = Order(term=1, revision=1, addresses=((ip(1), ("LISTED",)),))
    return judgement(
        decisions=(
            decision(1, pool_id),
            decision(2, pool_id, fate=Fate.WITHHELD, brake=Brake.FLOOR),
        ),
        listings_open=(draft(1),),
        pauses_open=(
            PauseDraft(
                subject=subject, reason=Reason.LISTED, owner="automation", note="", decision=0
            ),
        ),
        rotation=(RotationChange(subject=subject, member=False, reason=Reason.LISTED, decision=0),),
        orders=((node_id(1), order),),
        effects=(
            EffectDraft(key="directive:1", kind="directive", node_id=node_id(1), payload={"n": 1}),
        ),
        alerts_open=(alert("listed"),),
        brakes_engage=(ZONE,),
    )


def draft(number: int, consequence: str = "pause") -> ListingDraft:
    return ListingDraft(
        node_id=node_id(number),
        address=ip(number),
        zone=ZONE,
        operator="spamhaus",
        answers=("127.0.0.2", "127.0.0.4"),
        consequence=consequence,
        confirmed_by="collector",
        details="the answer as it came",
    )


def alert(text: str) -> AlertFact:
    return AlertFact(
        key=f"listing:{ip(1)}",
        severity=Severity.HIGH,
        text=text,
        opened_at=START,
        node_id=node_id(1),
    )


async def admit(journal: Store, numbers: range, *, member: bool = True) -> None:
    pool_id = await the_pool(journal)
    subjects = [Subject(node_id=node_id(n), address=ip(n), pool_id=pool_id) for n in numbers]
    changes = tuple(
        RotationChange(subject=subject, member=member, reason=None, decision=None)
        for subject in subjects
    )
    await journal.commit(judgement(rotation=changes))


async def first(journal: Store) -> tuple[Snapshot, AddressFacts]:
    snapshot = await journal.load([node_id(1)])
    return snapshot, snapshot.nodes[0].addresses[0]
