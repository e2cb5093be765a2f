"""Whom another policy would pause, resume, take out or let in now: the present fleet judged once by
it and once by the one in force, a slice of nodes at a time. Writes nothing.

Slices know of each other what the brakes count of a pool: who left the rotation and who came back.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio.lowlevel

from collector.core import judge
from collector.core.judgement import Judgement
from collector.core.model import Decision, Detector, Fate, Fleet, Kind, PoolFacts, Snapshot
from collector.core.policy import Policy
from collector.operate import policy as policies
from collector.operate.desk import Desk
from collector.ports import Row

NODES_AT_ONCE = 200
LIMITS = (
    "what is known now is judged once: who does well under the new values only for a while is not"
    " seen here (mailfleet policy simulate looks back)",
    "a zone that would newly list many is seen within a slice of the nodes, not in the whole fleet",
)
# How many of a pool's addresses left the rotation, and how many came back.
Moved = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`after`, `moved`: as the slice before said; empty for the first."""

    values: Mapping[str, str]
    after: str = ""
    moved: Moved = field(default_factory=dict)


async def read(desk: Desk, asked: Asked) -> dict[str, object]:
    """One slice. Refused: POLICY_UNFIT."""
    before = desk.policy()
    after = policies.tried(before, asked.values)
    found = await desk.store.node_ids(after=asked.after, limit=NODES_AT_ONCE + 1)
    ids = found[:NODES_AT_ONCE]
    snapshot = await desk.store.load(ids)
    now = _judged(desk, snapshot, before, moved={})
    await anyio.lowlevel.checkpoint()
    then = _judged(desk, snapshot, after, moved=asked.moved)
    return {
        "items": list(_differing(snapshot, now=now, then=then)),
        "nodes": len(ids),
        "fleet": len(desk.census),
        "in_rotation": sum(pool.in_rotation for pool in snapshot.fleet.pools.values()),
        "moved": _added(asked.moved, now=now, then=then),
        "after": ids[-1] if len(found) > len(ids) else None,
        "limits": list(LIMITS),
    }


def _judged(desk: Desk, snapshot: Snapshot, policy: Policy, *, moved: Moved) -> Judgement:
    now = desk.clock.monotonic()
    fleet = replace(snapshot.fleet, catalogue=desk.zoning.catalogue())
    pools = desk.census.pools(fleet, policy, now=now)
    counted = {pool_id: _without(pool, moved.get(pool_id)) for pool_id, pool in pools.items()}
    seen = desk.census.complete(
        replace(snapshot, fleet=replace(fleet, pools=counted)),
        detector=_detector(snapshot, fleet),
        policy=policy,
        now=now,
    )
    return judge.judge(seen, policy, now=desk.clock.now())


def _without(pool: PoolFacts, moved: tuple[int, int] | None) -> PoolFacts:
    """As the slices before would leave it."""
    left, back = moved or (0, 0)
    return replace(
        pool,
        in_rotation=pool.in_rotation - left + back,
        removed_lately=pool.removed_lately + left,
        admitted_lately=pool.admitted_lately + back,
    )


def _detector(snapshot: Snapshot, fleet: Fleet) -> Detector:
    """Control alone keeps it; its alert says as much as is asked here."""
    doubt = next((one for one in snapshot.alerts if one.key == "detector:silence"), None)
    return fleet.detector if doubt is None else replace(fleet.detector, frozen=True, why=doubt.text)


_Key = tuple[str, str | None, str | None, Kind, str]


def _differing(snapshot: Snapshot, *, now: Judgement, then: Judgement) -> Iterator[Row]:
    """`fate` under these values, `fate_now` under those in force; None: it is not asked for."""
    names = {node.id: node.name for node in snapshot.nodes}
    here, there = _by_key(now.decisions), _by_key(then.decisions)
    for key in sorted(here.keys() | there.keys(), key=str):
        old, new = here.get(key), there.get(key)
        one = new or old
        assert one is not None, key
        if (old and (old.fate, old.brake)) == (new and (new.fate, new.brake)):
            continue
        subject = one.proposal.subject
        yield {
            "node": names[subject.node_id],
            "pool": snapshot.fleet.pools[subject.pool_id].name,
            "address": subject.address,
            "receiver": subject.receiver,
            "kind": one.proposal.kind.value,
            "reason": one.proposal.reason.value,
            "rule": one.proposal.rule,
            "fate": new.fate.value if new else None,
            "fate_now": old.fate.value if old else None,
            "brake": new.brake.value if new and new.fate is Fate.WITHHELD and new.brake else None,
        }


def _by_key(decisions: Sequence[Decision]) -> dict[_Key, Decision]:
    found: dict[_Key, Decision] = {}
    for one in decisions:
        said = one.proposal
        subject = said.subject
        key = (subject.node_id, subject.address, subject.receiver, said.kind, said.reason.value)
        found[key] = one
    return found


def _added(moved: Moved, *, now: Judgement, then: Judgement) -> dict[str, tuple[int, int]]:
    """With what this slice does to the rotation that is not done anyway."""
    anyway = {(one.subject, one.member) for one in now.rotation}
    counts = Counter(
        (one.subject.pool_id, one.member)
        for one in then.rotation
        if (one.subject, one.member) not in anyway
    )
    pools = moved.keys() | {pool_id for pool_id, _ in counts}
    return {
        pool_id: (
            moved.get(pool_id, (0, 0))[0] + counts[pool_id, False],
            moved.get(pool_id, (0, 0))[1] + counts[pool_id, True],
        )
        for pool_id in sorted(pools)
    }
