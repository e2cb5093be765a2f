"""Pools' rotations and grants in the journal in memory: what `collector.rotations` asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from collector.core.ledger import Key
from collector.core.lifecycle import SENDING
from collector.core.model import Pause
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from collector.core.rotation import EVEN_WEIGHT, Block, Member, Rotation, Strategy, Used
from collector.ports import Refused
from collector.ports_rotation import GrantDraft, Kept
from deliverability.receivers import LOCAL
from tests.simulation import snapshot_store
from tests.simulation.journal import AddressRow, Journal

LEFT = ("first_sent", "first_deferred", "first_bounced")


def rotation(journal: Journal, pool_id: str, *, now: datetime) -> Rotation:
    pool = journal.pools.get(pool_id)
    if pool is None:
        raise Refused("POOL_UNKNOWN", f"no pool {pool_id}")
    rows = [row for row in journal.addresses.values() if row.pool_id == pool_id and row.is_present]
    even = EVEN_WEIGHT if pool.strategy is Strategy.ROUND_ROBIN else None
    return Rotation(
        pool_id=pool_id,
        pool=pool.name,
        revision=len(pool.rotations),
        strategy=pool.strategy,
        region="",
        members=tuple(_member(journal, row, share=even, now=now) for row in rows),
        is_stopped=journal.switches.get("sending_stopped", False),
    )


def _member(journal: Journal, row: AddressRow, *, share: int | None, now: datetime) -> Member:
    silent = snapshot_store.open_pauses(journal, row.node_id)
    held = [one for one in silent if one.address in (None, row.ip)]
    plan = journal.warmups.get((row.node_id, row.ip))
    receivers = dict(_used(journal, row.ip, now=now))
    return Member(
        node_id=row.node_id,
        node=journal.nodes[row.node_id].name,
        ip=row.ip,
        against=tuple(_against(journal, row, silent)),
        blocked=tuple(sorted({one.receiver for one in held if one.receiver})),
        blocks={
            one.receiver: Block(one.opened_at, one.probe_at)
            for one in held
            if one.receiver and one.probe_at is not None
        },
        cap=None if plan is None else plan.cap,
        used=Used(
            day=sum(one.day for one in receivers.values()),
            hour=sum(one.hour for one in receivers.values()),
        ),
        receivers=receivers,
        share=journal.shares.get((row.node_id, row.ip), 0) if share is None else share,
    )


def _used(journal: Journal, ip: str, *, now: datetime) -> Iterator[tuple[str, Used]]:
    day = int(now.timestamp()) // DAY_SECONDS * DAY_SECONDS
    hour = int(now.timestamp()) // HOUR_SECONDS * HOUR_SECONDS
    for (address, receiver), slots in journal.quarters.items():
        if address == ip and receiver != LOCAL:
            yield (
                receiver,
                Used(day=_left(slots, day, DAY_SECONDS), hour=_left(slots, hour, HOUR_SECONDS)),
            )


def _left(slots: Mapping[int, Mapping[str, int]], begin: int, length: int) -> int:
    """Messages of the quarters of an hour of one stretch of time."""
    told = (slots.get(slot) for slot in range(begin, begin + length, QUARTER_SECONDS))
    return sum(counts.get(name, 0) for counts in told if counts for name in LEFT)


def _against(journal: Journal, row: AddressRow, silent: Sequence[Pause]) -> Iterator[str]:
    """A pause of one address silences its node, and so all others."""
    yield from sorted({one.reason.value for one in silent if not one.receiver})
    if journal.nodes[row.node_id].lifecycle not in SENDING:
        yield f"the node is {journal.nodes[row.node_id].lifecycle.value}"
    if not row.in_rotation:
        yield "not in the rotation"
    if not _is_verified(journal, row.node_id):
        yield "its newest directive is not verified"


def _is_verified(journal: Journal, node_id: str) -> bool:
    latest, held = journal.nodes[node_id].latest, journal.orders.get(node_id)
    if latest is None or held is None:
        return False
    said = latest.postfix
    return said.order == held[0].order and said.convergence == "verified"


def keep(journal: Journal, draft: GrantDraft) -> Kept:
    known = journal.grants.get(draft.key)
    if known is not None:
        return Kept(grant=known)
    pool = journal.pools[draft.pool_id]
    is_stopped = bool(draft.to) and journal.switches.get("sending_stopped", False)
    if len(pool.rotations) != draft.revision or is_stopped:
        return Kept(is_stale=True)
    if not draft.to:
        return Kept()
    unfit = tuple((key, "paused or not in step") for key, _ in draft.to if not _fits(journal, key))
    if unfit:
        return Kept(unfit=unfit)
    journal.grants[draft.key] = grant = draft.kept
    return Kept(grant=grant, is_new=True)


def _fits(journal: Journal, key: Key) -> bool:
    row = journal.addresses[key]
    silent = snapshot_store.open_pauses(journal, row.node_id)
    return not any(True for _ in _against(journal, row, silent))


def set_share(journal: Journal, key: Key, share: int) -> None:
    journal.shares[key] = share


def set_strategy(journal: Journal, pool_id: str, strategy: Strategy) -> None:
    journal.pools[pool_id] = replace(journal.pools[pool_id], strategy=strategy)
