"""Receivers as people read them: what each took lately, and what it said. Changes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from collector.core import health, rates
from collector.core.policy import Policy
from collector.core.rates import DEFERRAL_FOR, QUARTER_SECONDS, Window, WindowsAsked
from collector.operate.desk import Desk
from collector.ports import Refused, Row
from deliverability import receivers

REPLIES_MAX = 20
NODES_MAX = 50


async def listed(desk: Desk, *, is_live: bool = True) -> list[Row]:
    """Every receiver tried within the last two hours, the greatest first."""
    by_receiver: dict[str, dict[int, Window]] = defaultdict(dict)
    for row in await _lately(desk, "receiver", "slot", is_live=is_live):
        by_receiver[str(row["receiver"])][int(str(row["slot"]))] = window(row)
    by_receiver.pop(receivers.LOCAL, None)
    middle = int(desk.clock.now().timestamp()) - int(DEFERRAL_FOR.total_seconds()) // 2
    policy = desk.policy()
    shown = [_shown(name, slots, policy, middle=middle) for name, slots in by_receiver.items()]
    return sorted(shown, key=lambda row: (-int(str(row["attempts"])), str(row["receiver"])))


async def one(desk: Desk, receiver: str) -> Row:
    """With our addresses there, its own words, and how long it takes.

    Refused: RECEIVER_UNKNOWN.
    """
    found = [row for row in await listed(desk) if row["receiver"] == receiver]
    said = await desk.store.replies(receiver=receiver, limit=REPLIES_MAX)
    if not found and not said:
        raise Refused("RECEIVER_UNKNOWN", f"nothing was tried with {receiver} within two hours")
    row = found[0] if found else _shown(receiver, {}, desk.policy(), middle=0)
    told = await desk.store.delays(receiver=receiver)
    expected = health.CONNECT_EXPECTED_MS.get(receiver)
    return {
        **row,
        "addresses": await _addresses(desk, receiver),
        "replies": [*said],
        "classes_today": told["classes"],
        "seconds_today": told["seconds"],
        "connect_expected_ms": list(expected) if expected else None,
    }


async def _addresses(desk: Desk, receiver: str) -> list[Row]:
    """Those whose mail it defers and bounces most first."""
    rows, policy = await _lately(desk, "node", "address", receiver=receiver), desk.policy()
    shown: list[Row] = [
        {"node": row["node"], "address": row["address"] or None, **summary(window(row), policy)}
        for row in rows
    ]
    return sorted(shown, key=_trouble, reverse=True)[:NODES_MAX]


def _trouble(row: Row) -> tuple[int, int]:
    return (int(str(row["deferred"])) + int(str(row["bounced"])), int(str(row["attempts"])))


async def _lately(
    desk: Desk, *by: str, receiver: str | None = None, is_live: bool = True
) -> Sequence[Row]:
    now = desk.clock.now()
    asked = WindowsAsked(
        span=QUARTER_SECONDS,
        since=now - DEFERRAL_FOR,
        until=now + timedelta(seconds=QUARTER_SECONDS),
        by=by,
        receiver=receiver,
        is_live=is_live,
    )
    return await desk.store.windows(asked)


def _shown(name: str, slots: dict[int, Window], policy: Policy, *, middle: int) -> Row:
    older = rates.total(one for slot, one in slots.items() if slot < middle)
    newer = rates.total(one for slot, one in slots.items() if slot >= middle)
    sustained = rates.defers_for_long(policy, older=older, newer=newer)
    counted = rates.total(slots.values())
    return {
        "receiver": name,
        "state": health.of_receiver(counted, policy, sustained=sustained).value,
        "deferring_for_two_hours": sustained,
        **summary(counted, policy),
    }


def window(row: Row) -> Window:
    return Window(**{name: int(str(row[name])) for name in Window.__slots__})


def summary(counted: Window, policy: Policy) -> Row:
    """The counts, and the rates where enough was sent."""
    return {
        "attempts": counted.attempts,
        **{name: getattr(counted, name) for name in Window.__slots__},
        "deferral_ratio": rates.deferral_ratio(counted),
        "bounce_ratio": rates.bounce_ratio(counted, least=policy.rate_week_min),
    }


async def sums(desk: Desk, span: int, *, since: datetime, node_id: str | None = None) -> Window:
    """Of all windows of a span since then."""
    until = desk.clock.now() + timedelta(seconds=span)
    asked = WindowsAsked(span=span, since=since, until=until, by=("slot",), node_id=node_id)
    return total(await desk.store.windows(asked))


def total(rows: Iterable[Row]) -> Window:
    return rates.total(map(window, rows))
