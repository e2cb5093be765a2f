"""What another policy would have paused, beside what really happened: a slice of the fleet at a
time, so that a large one is gone through with the collector free in between.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypedDict

import anyio.lowlevel

from collector.core import hindsight, policy_change
from collector.core.hindsight import Episode, Past
from collector.core.incident import Place
from collector.core.model import Reason
from collector.core.policy import Policy
from collector.operate import policy as policies
from collector.operate.desk import Desk
from collector.operate.moments import moment
from collector.ports import Refused, Row
from deliverability.catalogue import Catalogue

NODES_AT_ONCE = 100
SINCE_MAX = timedelta(days=31)
SIMULATED = (Reason.LISTED, Reason.BOUNCE_RATE)
PAUSES_BETWEEN = 10
ONLY_HERE, ONLY_REALLY = "only under this policy", "only really"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`after`: the id of the last node of the slice before, empty for the first; `before`: the
    summary of what was gone through until then."""

    values: Mapping[str, str]
    since: datetime
    after: str = ""
    before: Mapping[str, float] = field(default_factory=dict)


class _Item(TypedDict):
    """One address to which something happened, or would have."""

    node: str
    node_id: str
    pool: str
    address: str
    would: list[Row]
    really: list[Row]
    hours_would: float
    hours_really: float
    mail_would: int
    verdict: str


Span = tuple[datetime, datetime]
Whom = tuple[str, str | None]


async def read(desk: Desk, asked: Asked) -> dict[str, object]:
    """One slice. Refused: POLICY_UNFIT, TOO_LONG_AGO."""
    now, before = desk.clock.now(), desk.policy()
    if now - asked.since > SINCE_MAX:
        raise Refused("TOO_LONG_AGO", f"at most {SINCE_MAX.days} days back")
    after = policies.tried(before, asked.values) if asked.values else before
    found = await desk.store.node_ids(after=asked.after, limit=NODES_AT_ONCE + 1)
    ids = found[:NODES_AT_ONCE]
    span = (asked.since, now)
    looked = _Looked(before=before, after=after, catalogue=desk.zoning.catalogue(), span=span)
    pasts = await desk.store.pasts(ids, since=asked.since - hindsight.WEEK)
    really = _by_address(await desk.store.paused(ids, since=asked.since))
    places = await desk.store.places(ids)
    items: list[_Item] = []
    for index, past in enumerate(pasts):
        if index % PAUSES_BETWEEN == 0:
            await anyio.lowlevel.checkpoint()
        item = looked.item(past, really, place=places[past.node_id])
        if item is not None:
            items.append(item)
    hours = len(pasts) * ((now - asked.since) / hindsight.HOUR)
    return {
        "since": span[0].isoformat(),
        "until": span[1].isoformat(),
        "changes": [
            {"name": name, "before": a, "after": b}
            for name, (a, b) in policy_change.differences(before=before, after=after).items()
        ],
        "items": items,
        "addresses": len(pasts),
        "nodes": len(ids),
        "fleet": len(desk.census),
        "after": ids[-1] if len(found) > len(ids) else None,
        "summary": _summary(items, hours=hours, before=asked.before),
        "limits": list(hindsight.LIMITS),
    }


def _summary(
    items: Sequence[_Item], *, hours: float, before: Mapping[str, float]
) -> Mapping[str, float]:
    """Of this slice, of so many address-hours, and of those before it."""
    counts = {
        "addresses_would": sum(bool(one["would"]) for one in items),
        "addresses_really": sum(bool(one["really"]) for one in items),
        "only_under_this_policy": sum(one["verdict"] == ONLY_HERE for one in items),
        "only_really": sum(one["verdict"] == ONLY_REALLY for one in items),
        "mail_would": sum(one["mail_would"] for one in items),
        "hours": hours,
        "hours_would": sum(one["hours_would"] for one in items),
        "hours_really": sum(one["hours_really"] for one in items),
    }
    sums = {name: round(value + before.get(name, 0), 2) for name, value in counts.items()}
    whole = sums["hours"] or 1.0
    parts = {f"capacity_{one}": sums[f"hours_{one}"] / whole for one in ("would", "really")}
    return {**sums, **{name: round(part, 6) for name, part in parts.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    before: Policy
    after: Policy
    catalogue: Catalogue
    span: Span

    def item(
        self, past: Past, really: Mapping[Whom, Sequence[Row]], *, place: Place
    ) -> _Item | None:
        """None where nothing happened and nothing would have."""
        node_id = past.node_id
        would = hindsight.episodes(
            past, self.after, then=self.before, catalogue=self.catalogue, span=self.span
        )
        rows = [*really.get((node_id, past.address), ()), *really.get((node_id, None), ())]
        was = [_happened(row) for row in rows]
        was += [
            Episode(reason=Reason.SILENCE, since=out, until=back, why="it was silent")
            for out, back in past.silences
            if back is None or back > self.span[0]
        ]
        if not would and not was:
            return None
        return {
            "node": place.node,
            "node_id": node_id,
            "pool": place.pool,
            "address": past.address,
            "would": [self._shown(one, past) for one in would],
            "really": [self._shown(one, past) for one in was],
            "hours_would": self._hours(would),
            "hours_really": self._hours(was),
            "mail_would": hindsight.touched(past, would),
            "verdict": _verdict(would=would, was=was),
        }

    def _shown(self, one: Episode, past: Past) -> Row:
        return {
            "reason": one.reason.value,
            "since": one.since.isoformat(),
            "until": None if one.until is None else one.until.isoformat(),
            "hours": self._hours([one]),
            "mail": hindsight.touched(past, [one]),
            "why": one.why,
        }

    def _hours(self, found: Sequence[Episode]) -> float:
        """Of the span, each hour once however many reasons there were."""
        total, over = timedelta(0), self.span[0]
        for one in sorted(found, key=lambda one: one.since):
            until = min(one.until or self.span[1], self.span[1])
            since = max(one.since, over)
            total += max(until - since, timedelta(0))
            over = max(over, until)
        return round(total / hindsight.HOUR, 2)


def _verdict(*, would: Sequence[Episode], was: Sequence[Episode]) -> str:
    if would and was:
        return "both"
    return ONLY_HERE if would else ONLY_REALLY


def _happened(row: Row) -> Episode:
    closed = row["closed_at"]
    return Episode(
        reason=Reason(str(row["reason"])),
        since=moment(row["opened_at"]),
        until=None if closed is None else moment(closed),
        why="it was paused",
    )


def _by_address(rows: Sequence[Row]) -> Mapping[Whom, Sequence[Row]]:
    """Only of what is simulated: a pause of another reason would be there under any policy."""
    found: dict[Whom, list[Row]] = defaultdict(list)
    for row in rows:
        if Reason(str(row["reason"])) in SIMULATED:
            address = row["address"]
            found[str(row["node_id"]), None if address is None else str(address)].append(row)
    return found
