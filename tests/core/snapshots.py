"""Random snapshots for properties, each from one number: every field of every fact takes part, also
those added later.

Names are few, so that facts meet: addresses, zones, nodes, pools. Times lie around noon. Made by
hand rather than by strategies: thousands a second, where those give ten.
"""

import random
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from collector.core.model import (
    AddressFacts,
    Brake,
    Decision,
    Denial,
    Fate,
    Fleet,
    Kind,
    Lifecycle,
    Listing,
    Liveness,
    Look,
    NodeFacts,
    Order,
    Pause,
    PoolFacts,
    Reason,
    Snapshot,
    Standing,
    StandingKey,
    ZoneBrake,
    ZoneFact,
)
from collector.core.policy import BOUNDS, Policy
from collector.core.warmup_plan import ONE_DAY, Plan, SendingDay, Warming, midnight
from tests.core.fleet import NOON, in_step

ZONES = ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "psbl.surriel.com")
CODES = ("127.0.0.2", "127.0.0.2", "127.0.0.4", "127.0.0.10", "127.255.255.254")
NODES = ("n1", "n2", "n3", "n4", "n5")
POOLS = ("p1", "p2")
WORDS = ("", "gmail.com", "said so", "automation")
# The one with the most rules most often.
REASONS = (*Reason, *(Reason.LISTED,) * 8)
TODAY = midnight(NOON)
ON = 0.25  # how often a switch is
Made = TypeVar("Made")


class Dice(random.Random):
    """One number's worth of chance."""

    def snapshot(self) -> Snapshot:
        """Up to five nodes of two pools, what stands about them, and a fleet around."""
        ids = sorted(self.sample(NODES, self.randint(1, len(NODES))))
        nodes = tuple(self.node(node_id) for node_id in ids)
        open_now: dict[str, tuple[Listing, ...]] = {}
        for one in (one for n in nodes for a in n.addresses for one in a.listings):
            if one.consequence == "pause":
                open_now[one.zone] = (*open_now.get(one.zone, ()), one)
        held = self.sample(ZONES, self.choice((0, 0, 1)))
        fleet = self.record(
            Fleet,
            addresses=self.choice((2, 10, 100)),
            pools={name: self.pool(name) for name in POOLS},
            open_listings=open_now,
            brakes={zone: ZoneBrake(zone=zone, engaged_at=self.moment()) for zone in held},
        )
        known = {self._key(nodes): self.standing() for _ in range(self.randint(0, 3))}
        ids = [one.id for n in nodes for a in n.addresses for one in a.listings]
        denials = {self._key(nodes)._replace(kind=Kind.PAUSE): self.denial(ids) for _ in range(2)}
        return Snapshot(
            nodes=nodes, fleet=fleet, standing=known, denials=denials, term=self.randint(1, 9)
        )

    def pool(self, name: str) -> PoolFacts:
        lately = {key: self.choice((0, 0, 1)) for key in ("removed_lately", "admitted_lately")}
        return self.record(PoolFacts, id=name, **lately)

    def node(self, node_id: str) -> NodeFacts:
        number = NODES.index(node_id) * 10
        ips = [f"192.0.2.{number + i}" for i in range(self.randint(1, 2))]
        pauses = (
            self.record(
                Pause,
                id=f"pause-{i}",
                node_id=node_id,
                address=self.choice((None, *ips)),
                reason=self.choice(REASONS),
                owner=self.choice(("automation", "ada")),
            )
            for i in range(self.choice((0, 0, 1, 2)))
        )
        known: dict[str, object] = {
            "id": node_id,
            "pool_id": self.choice(POOLS),
            "addresses": tuple(self.address(node_id, ip) for ip in ips),
            "pauses": tuple(pauses),
        }
        if self.random() < 0.3:
            known |= {"lifecycle": Lifecycle.ACTIVE, "liveness": Liveness.FRESH}
            known |= {"pauses": (), "heard_in_row": 9}
            known |= in_step(Order(term=1, revision=1))
        return self.record(NodeFacts, **known)

    def address(self, node_id: str, ip: str) -> AddressFacts:
        asked = self.sample(ZONES, self.randint(0, 3))
        known = {"address": ip}
        return self.record(
            AddressFacts,
            ip=ip,
            zones=tuple(
                self.record(ZoneFact, **known, zone=zone, answers=self.answers()) for zone in asked
            ),
            looks=tuple(
                self.record(Look, **known, zone=zone, answers=self.answers())
                for zone in asked
                if self.random() < 0.7
            ),
            listings=tuple(
                self.record(
                    Listing,
                    **known,
                    id=f"{zone}-{ip}",
                    node_id=node_id,
                    zone=zone,
                    answers=self.answers(),
                    consequence=self.choice(("pause", "pause", "policy")),
                )
                for zone in asked
                if self.random() < 0.4
            ),
            warmup=self.choice((None, self.warming(ip), self.warming(ip))),
        )

    def warming(self, ip: str) -> Warming:
        """A plan and a day that was over then; what it sent is about what its cap allows."""
        plan = self.record(
            Plan,
            subject=ip,
            ladder=self.choice(("owners-10k", "ses")),
            idle_days=self.choice((0, 29)),
            judged=self.choice((None, TODAY - 2 * ONE_DAY)),
            listed_since=self.choice((None, None, None, self.moment())),
        )
        cap = plan.cap
        volume = self.choice((0, 9, cap.day if cap else 500))
        rates = self.choice((0, 0, volume // 16, volume // 5))
        day = self.record(
            SendingDay,
            day=TODAY - ONE_DAY,
            volume=volume,
            firsts=volume,
            deferred=rates,
            bounced=0,
            complaints=None,
            listed=(),
            pauses=(),
        )
        return Warming(plan=plan, day=self.choice((None, day, day)))

    def standing(self) -> Standing:
        brake = self.choice((None, *Brake))
        return Standing(decision_id="d", fate=self.choice(tuple(Fate)), brake=brake)

    def denial(self, listings: list[str]) -> Denial:
        about = self.sample(listings, min(len(listings), 1))
        return Denial(decision_id="d", at=self.moment(), about=tuple(about))

    def _key(self, nodes: tuple[NodeFacts, ...]) -> StandingKey:
        node = self.choice(nodes)
        address = self.choice((None, *(one.ip for one in node.addresses)))
        kind, reason = self.choice(tuple(Kind)), self.choice(REASONS)
        return StandingKey(node.id, address, kind, reason)

    def answers(self) -> tuple[str, ...]:
        return tuple(self.sample(CODES, self.choice((0, 1, 1, 1, 2))))

    def moment(self) -> datetime:
        return NOON - timedelta(seconds=self.choice((1, 70, 400, 4_000, 90_000)) * self.random())

    def policy(self) -> Policy:
        """Any within the bounds, mostly the defaults."""
        chosen = Policy()
        for name in self.sample(sorted(BOUNDS), self.randint(0, 4)):
            low, high = BOUNDS[name]
            now = getattr(chosen, name)
            value: object = self.uniform(low, high)
            if isinstance(now, timedelta):
                value = timedelta(seconds=self.uniform(low, high))
            elif isinstance(now, int):
                value = self.randint(int(low), int(high))
            chosen = replace(chosen, **{name: value})  # type: ignore[arg-type]
        return chosen

    def record(self, kind: type[Made], **known: object) -> Made:
        """One of these facts: what is not given is anything its type allows."""
        return kind(
            **{
                name: known[name] if name in known else self.of_type(hint)
                for name, hint in hints(cast(Any, kind)).items()
            }
        )

    def of_type(self, kind: Any) -> Any:
        """A value of any type a fact may have."""
        if kind in PLAIN:
            return PLAIN[kind](self)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self.choice(tuple(kind))
        if is_dataclass(kind):
            return self.record(kind)  # type: ignore[arg-type]
        origin, parts = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return self.of_type(self.choice(parts))
        if origin is tuple and parts[-1] is not ...:
            return tuple(self.of_type(part) for part in parts)
        many = range(self.choice((0, 1, 1, 2)))
        if origin is tuple:
            return tuple(self.of_type(parts[0]) for _ in many)
        if origin is frozenset:
            return frozenset(self.of_type(parts[0]) for _ in many)
        assert origin is Mapping, kind
        return {self.of_type(parts[0]): self.of_type(parts[1]) for _ in many}


PLAIN: Mapping[Any, Any] = {
    bool: lambda dice: dice.random() < ON,
    int: lambda dice: dice.randint(0, 12),
    float: lambda dice: dice.random(),
    str: lambda dice: dice.choice(WORDS),
    datetime: Dice.moment,
    timedelta: lambda dice: timedelta(seconds=dice.choice((1, 100, 4_000)) * dice.random()),
    NoneType: lambda _: None,
}


@cache
def hints(kind: Any) -> Mapping[str, Any]:
    found = get_type_hints(kind)
    return {one.name: found[one.name] for one in fields(kind)}


def as_decided(decision: Decision) -> tuple[object, ...]:
    """What a replay must repeat."""
    return (
        decision.proposal,
        decision.fate,
        decision.brake,
        decision.aggregates,
        decision.policy_revision,
        decision.at,
    )
