"""A pool's rotation as the sending platform and people ask for it, and grants of messages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core import capacity, rotation
from collector.core.ledger import Wanted
from collector.core.rotation import Member, Rotation, Strategy
from collector.operate import overview
from collector.operate.desk import Change, Desk, Done, Wish, entry
from collector.ports import Refused, Row
from collector.ports_rotation import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantWish:
    """ "Which nodes may take so many messages for this receiver now?" `key` makes asking twice
    harmless."""

    messages: int
    receiver: str
    key: str
    lifetime: timedelta
    region: str = ""
    only_there: bool = False
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a pool rotates by. None: as it is."""

    strategy: Strategy | None = None
    region: str | None = None
    monthly: int | None = None


async def show(
    desk: Desk,
    pool: str,
    *,
    receiver: str | None = None,
    after: int | None = None,
    wait: float = 0.0,
) -> Row:
    """The rotation now, or towards one receiver; with `after` once its revision is past that, at
    most `wait` seconds later. `decision` is `hold` when no member may send.

    Refused: POOL_UNKNOWN.
    """
    pool_id = await desk.rotations.pool_id(pool)
    if after is not None and wait:
        await desk.rotations.wait(pool_id, after=after, seconds=wait)
    seen = await desk.rotating.rotation(pool_id)
    if receiver is not None:
        seen = rotation.towards(seen, receiver)
    parts = rotation.ratios(seen.members)
    return {
        "pool": seen.pool,
        "revision": seen.revision,
        "strategy": seen.strategy.value,
        "region": seen.region,
        "receiver": receiver,
        "decision": "hold" if rotation.is_held(seen) else "send",
        "is_stopped": seen.is_stopped,
        "capacity_per_hour": sum(_capacity(one) for one in seen.members if not one.against),
        "members": [
            _member(one, seen, share=share) for one, share in zip(seen.members, parts, strict=True)
        ],
    }


async def grant(desk: Desk, pool: str, *, wish: GrantWish) -> Row:
    """Who takes them, or that they are to be held, and why.

    Refused: POOL_UNKNOWN, GRANT_TOO_LARGE, GRANT_TOO_LONG, REGION_MISSING, GRANT_KEY_USED.
    """
    policy = desk.policy()
    if wish.messages > policy.grant_messages_max:
        most = policy.grant_messages_max
        raise Refused("GRANT_TOO_LARGE", f"{wish.messages} messages: at most {most} at once")
    if wish.lifetime > policy.grant_lifetime_max:
        most_seconds = int(policy.grant_lifetime_max.total_seconds())
        raise Refused("GRANT_TOO_LONG", f"a grant lasts at most {most_seconds} s")
    pool_id = await desk.rotations.pool_id(pool)
    if wish.only_there and not wish.region:
        raise Refused("REGION_MISSING", "only_there wants a region to be there")
    asked = Wanted(
        messages=wish.messages,
        receiver=wish.receiver,
        expires_at=desk.clock.now() + wish.lifetime,
        region=wish.region,
        only_there=wish.only_there,
        domain=wish.domain.lower(),
    )
    return _answered(await desk.rotations.grant(pool_id, asked, key=wish.key), wish)


async def settle(desk: Desk, pool: str, *, settings: Settings, wish: Wish) -> Done:
    """Strategy, home region and monthly volume of a pool. Refused: POOL_UNKNOWN."""
    row = await overview.pool(desk, pool)
    before = {name: row[name] for name in ("strategy", "region", "monthly")}
    asked = {
        "strategy": settings.strategy and settings.strategy.value,
        "region": settings.region,
        "monthly": settings.monthly,
    }
    after = before | {name: value for name, value in asked.items() if value is not None}
    said = ", ".join(f"{name} {value or '-'}" for name, value in after.items())
    if after == before:
        text = f"pool {row['name']} is already at: {said}"
        return Done(text=text, changed=False, dry_run=wish.dry_run)
    if not wish.dry_run:
        asked_change = Change(
            action="pool set", subject=f"pool {row['name']}", before=before, after=after
        )
        await desk.rotating.set_pool(
            str(row["id"]),
            strategy=Strategy(str(after["strategy"])),
            region=str(after["region"]),
            monthly=int(str(after["monthly"])),
            entry=entry(desk, wish, change=asked_change),
        )
        desk.rotations.changed()
    text = f"pool {row['name']}: {said}"
    return Done(
        text=f"would be: {text}" if wish.dry_run else text,
        changed=not wish.dry_run,
        dry_run=wish.dry_run,
        affected=(str(row["name"]),),
    )


def _member(one: Member, seen: Rotation, *, share: float) -> Row:
    cap = one.cap
    return {
        "node": one.node,
        "address": one.ip,
        "region": one.region,
        "may_send": not one.against and not seen.is_stopped,
        "against": [*one.against],
        "blocked_receivers": [*one.blocked],
        "share": round(share, 6),
        "reputation_score": one.score,
        "cap_day": cap.day if cap else None,
        "cap_hour": cap.hour if cap else None,
        "cap_receiver": cap.receiver if cap else None,
        "sent_today": one.used.day,
        "sent_this_hour": one.used.hour,
        "current_load": capacity.current_load(one.used.hour, hour_cap=cap.hour if cap else None),
        "capacity_per_hour": _capacity(one),
    }


def _capacity(one: Member) -> int:
    hour_cap = one.cap.hour if one.cap else None
    return capacity.per_hour(hour_cap=hour_cap, best_hour=one.best_hour)


def _answered(answer: Answer, wish: GrantWish) -> Row:
    grant_ = answer.grant
    allocations = []
    for key, count in grant_.to if grant_ else ():
        member = answer.names.get(key)
        name = member.node if member else None
        allocations.append({"node_id": key[0], "node": name, "address": key[1], "messages": count})
    granted = sum(int(str(one["messages"])) for one in allocations)
    return {
        "decision": "grant" if grant_ else "hold",
        "pool": answer.pool,
        "revision": answer.revision,
        "key": wish.key,
        "receiver": wish.receiver,
        "domain": wish.domain.lower(),
        "asked": wish.messages,
        "granted": granted,
        "expires_at": _iso(grant_.expires_at) if grant_ else None,
        "allocations": allocations,
        "held_because": [{"reason": why, "addresses": n} for why, n in answer.held],
        "retry_at": _iso(answer.retry_at) if answer.retry_at else None,
    }


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
