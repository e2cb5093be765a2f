"""What operators may change: pauses, automation, the two switches, tokens and certificates.

Every change is audited with who, from where and why. Nothing here decides for automation: an act is
recorded, the doorbell rung, and the next control pass carries it into rotation and directive.
"""

from collections.abc import Sequence

from collector.core.model import Automation, Reason
from collector.operate import overview
from collector.operate.desk import Change, Desk, Done, Wish, entry, guard
from collector.operate.overview import rows_of
from collector.ports import OperatorPause, Refused, Row

SWITCHES = {"automation": "automation_stopped", "sending": "sending_stopped"}
# What a person may lift by a plain resume.
LIFTED = frozenset((Reason.OPERATOR.value, Reason.RESTORED.value))


async def pause(desk: Desk, node: str, *, address: str | None, wish: Wish) -> Done:
    """An OPERATOR pause of the node, or of one of its addresses. Automation never lifts it."""
    row = await overview.one(desk, node)
    must_have(row, address)
    guard(wish, affected=1, capacity_ratio=await capacity_ratio(desk, [row], address=address))
    held = [p for p in _pauses(row, address) if p["reason"] == Reason.OPERATOR.value]
    if held:
        return _nothing(wish, f"{_name(row, address)} is already paused by {held[0]['owner']}")
    change = Change(
        action="pause", subject=str(row["id"]), before=_before(row), after={"address": address}
    )
    if not wish.dry_run:
        asked = OperatorPause(
            node_id=str(row["id"]), address=address, pausing=True, note=wish.reason
        )
        await desk.store.operator_pause(asked, entry(desk, wish, change=change))
        desk.doorbell.ring(str(row["id"]))
    return _done(wish, f"{_name(row, address)} is paused by {wish.actor.name}", [row])


async def resume(desk: Desk, node: str, *, address: str | None, override: bool, wish: Wish) -> Done:
    """Lifts what people and restores paused; what automation paused (a listing above all) only with
    `override`, and automation leaves it alone while the cause lasts.

    Refused: STILL_LISTED, NOT_PAUSED.
    """
    row = await overview.one(desk, node)
    must_have(row, address)
    held = _pauses(row, address)
    lifted = [p for p in held if p["reason"] in LIFTED or override]
    kept = [p for p in held if p not in lifted]
    if not held:
        raise Refused("NOT_PAUSED", f"{_name(row, address)} has no pause", remedy=_why(row))
    if not lifted:
        raise _still_listed(row, address, kept)
    change = Change(
        action="resume",
        subject=str(row["id"]),
        before=_before(row),
        after={"address": address, "override_listing": override},
    )
    if not wish.dry_run:
        asked = OperatorPause(
            node_id=str(row["id"]),
            address=address,
            pausing=False,
            note=wish.reason,
            override=override,
        )
        await desk.store.operator_pause(asked, entry(desk, wish, change=change))
        desk.rotations.changed()
        desk.doorbell.ring(str(row["id"]))
    gone = ", ".join(sorted({str(p["reason"]) for p in lifted}))
    still = ", ".join(sorted({str(p["reason"]) for p in kept}))
    said = f"{_name(row, address)}: {gone} lifted"
    return _done(wish, f"{said}; still paused: {still}" if still else said, [row])


async def automate_node(desk: Desk, node: str, *, value: Automation | None, wish: Wish) -> Done:
    """`act`, `observe`, or None: as its pool. A node can only hold back what its pool allows."""
    row = await overview.one(desk, node)
    said = value.value if value else "as its pool"
    home = await overview.pool(desk, str(row["pool_id"]))
    if value is not Automation.OBSERVE and home["automation"] == Automation.OBSERVE.value:
        said += f", which only observes (mailfleet pool act {home['name']} changes that)"
    if row["automation"] == (value.value if value else None):
        return _nothing(wish, f"{row['name']} is already at: {said}")
    change = Change(
        action="automation",
        subject=str(row["id"]),
        before={"automation": row["automation"]},
        after={"automation": value.value if value else None},
    )
    if not wish.dry_run:
        await desk.store.set_automation(
            pool_id=None,
            node_id=str(row["id"]),
            value=value,
            entry=entry(desk, wish, change=change),
        )
        desk.doorbell.ring(str(row["id"]))
    return _done(wish, f"{row['name']}: automation {said}", [row])


async def automate_pool(desk: Desk, pool: str, *, value: Automation, wish: Wish) -> Done:
    """Whether decisions about a pool's nodes are carried out, or only recorded."""
    row = await overview.pool(desk, pool)
    if row["automation"] == value.value:
        return _nothing(wish, f"pool {row['name']} is already at: {value.value}")
    members = [node for node in await overview.nodes(desk) if node["pool"] == row["name"]]
    guard(wish, affected=len(members), capacity_ratio=await capacity_ratio(desk, members))
    change = Change(
        action="automation",
        subject=f"pool {row['name']}",
        before={"automation": row["automation"]},
        after={"automation": value.value},
    )
    if not wish.dry_run:
        await desk.store.set_automation(
            pool_id=str(row["id"]),
            node_id=None,
            value=value,
            entry=entry(desk, wish, change=change),
        )
        desk.doorbell.ring()
    return _done(wish, f"pool {row['name']}: automation {value.value}", members)


async def switch(desk: Desk, what: str, *, stop: bool, wish: Wish) -> Done:
    """`automation`: nothing automatic happens. `sending`: every node is told to be silent."""
    name = SWITCHES[what]
    if (await desk.store.switches()).get(name, False) == stop:
        return _nothing(wish, f"{what} is {'already stopped' if stop else 'not stopped'}")
    rows = await overview.nodes(desk)
    guard(wish, affected=len(rows), capacity_ratio=1.0 if rows else 0.0)
    change = Change(action=name, subject="fleet", before={name: not stop}, after={name: stop})
    if not wish.dry_run:
        await desk.store.set_switch(name, on=stop, entry=entry(desk, wish, change=change))
        desk.rotations.changed()
        desk.doorbell.ring()
    return _done(wish, f"{what} is {'stopped' if stop else 'allowed again'}", rows)


async def capacity_ratio(desk: Desk, rows: Sequence[Row], *, address: str | None = None) -> float:
    """Which part of the addresses now in a rotation these nodes are."""
    everywhere = sum(int(str(pool["in_rotation"])) for pool in await desk.store.pools())
    return sum(_sending(row, address) for row in rows) / everywhere if everywhere else 0.0


def must_have(row: Row, address: str | None) -> None:
    """Refused: ADDRESS_UNKNOWN."""
    known = [str(one["ip"]) for one in rows_of(row, "addresses")]
    if address is not None and address not in known:
        text = f"{row['name']} has no address {address}; it has {', '.join(known) or 'none'}"
        raise Refused("ADDRESS_UNKNOWN", text)


def _still_listed(row: Row, address: str | None, kept: Sequence[Row]) -> Refused:
    zones = sorted(
        f"{one['address']} by {one['zone']} ({', '.join(map(str, rows_of(one, 'answers')))})"
        for one in rows_of(row, "listings")
    )
    said = f"still listed: {'; '.join(zones)}" if zones else f"paused: {kept[0]['reason']}"
    command = f"mailfleet node resume {row['name']} --override-listing --reason TEXT"
    return Refused(
        "STILL_LISTED",
        f"{_name(row, address)} is {said}. It resumes by itself after clean rounds",
        remedy=f"get it delisted; or, to send all the same: {command}",
    )


def _pauses(row: Row, address: str | None) -> list[Row]:
    return [
        one
        for one in rows_of(row, "pauses")
        if address is None or one["address"] in (None, address)
    ]


def _sending(row: Row, address: str | None) -> int:
    return sum(
        bool(one["in_rotation"])
        for one in rows_of(row, "addresses")
        if address in (None, one["ip"])
    )


def _name(row: Row, address: str | None) -> str:
    return f"{row['name']} ({address})" if address else str(row["name"])


def _before(row: Row) -> dict[str, object]:
    return {"pauses": [f"{p['reason']} {p['address'] or 'node'}" for p in rows_of(row, "pauses")]}


def _why(row: Row) -> str:
    return f"mailfleet why {row['name']}"


def _nothing(wish: Wish, text: str) -> Done:
    return Done(text=text, changed=False, dry_run=wish.dry_run)


def _done(wish: Wish, text: str, rows: Sequence[Row]) -> Done:
    names = tuple(str(row["name"]) for row in rows)
    said = f"would be: {text}" if wish.dry_run else text
    return Done(text=said, changed=not wish.dry_run, dry_run=wish.dry_run, affected=names)
