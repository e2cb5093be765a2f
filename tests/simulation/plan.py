"""What will happen to one fleet: drawn from one number, plain data, so that it can be cut down.

Times are seconds since the fleet's beginning.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from tests.simulation.link import PoolPlan

HOUR, DAY = 3600.0, 86_400.0
# Nothing happens before, nor in the end: what is over by then must be made good.
QUIET_FIRST = 1200.0
QUIET_LAST = 3 * HOUR
MISHAPS_A_DAY = 1.2
WHILE = 900.0
ZONE = "zen.spamhaus.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """One thing that happens. `nodes` by name; `lasts` 0: at once over; `word` and `number` as the
    kind takes them."""

    kind: str
    at: float
    lasts: float = 0.0
    nodes: tuple[str, ...] = ()
    word: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`seed` also decides what is left to chance while it is played."""

    seed: int
    pools: tuple[PoolPlan, ...]
    mishaps: tuple[Mishap, ...]
    lasts: float

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"n{k + 1}" for k in range(sum(pool.nodes for pool in self.pools)))


def draw(seed: int) -> Plan:
    chance = Random(seed)
    newness = Random(f"{seed} warming")
    drawn_pools = [_pool(number, chance) for number in range(chance.choice((1, 1, 1, 2)))]
    pools = tuple(_warming(one, newness) for one in drawn_pools)
    empty = Plan(seed=seed, pools=pools, mishaps=(), lasts=chance.choice((2, 4, 7, 10, 14)) * DAY)
    begun, over = QUIET_FIRST, empty.lasts - QUIET_LAST
    number = max(1, round(MISHAPS_A_DAY * empty.lasts / DAY * chance.uniform(0.5, 1.5)))
    moments = sorted(chance.uniform(begun, over - HOUR) for _ in range(number))
    kinds = list(KINDS)
    weights = [weight for weight, _ in KINDS.values()]
    drawn = []
    for at in moments:
        (kind,) = chance.choices(kinds, weights)
        mishap = KINDS[kind][1](chance, empty)
        lasts = min(mishap.lasts, over - at)
        drawn.append(replace(mishap, kind=kind, at=at, lasts=lasts))
    return replace(empty, mishaps=tuple(drawn))


def _pool(number: int, chance: Random) -> PoolPlan:
    return PoolPlan(
        name=f"pool-{number}",
        nodes=chance.choice((1, 2, 3, 4, 5, 6)),
        addresses=chance.choice((1, 1, 1, 2)),
    )


def _warming(pool: PoolPlan, chance: Random) -> PoolPlan:
    return replace(
        pool,
        warming=min(pool.nodes, chance.choice((0, 0, 1, 1, 2))),
        is_weighted=chance.random() < 0.4,
    )


def _draft(**parts: object) -> Mishap:
    return Mishap(kind="", at=0.0, **parts)  # type: ignore[arg-type]  # Mishap's own fields


def _one(chance: Random, plan: Plan) -> tuple[str, ...]:
    return (chance.choice(plan.nodes),)


def _some(chance: Random, plan: Plan) -> tuple[str, ...]:
    return tuple(name for name in plan.nodes if chance.random() < 0.6) or _one(chance, plan)


def _long(chance: Random) -> float:
    """From a minute to half a day, the short ones more often."""
    return 60.0 * math.pow(700.0, chance.random())


def _of_one(chance: Random, plan: Plan) -> Mishap:
    return _draft(nodes=_one(chance, plan), lasts=_long(chance), number=chance.randrange(5))


def _of_one_for_a_while(chance: Random, plan: Plan) -> Mishap:
    """Long enough for a sweep, and for three missed heartbeats."""
    mishap = _of_one(chance, plan)
    return replace(mishap, lasts=max(WHILE, mishap.lasts))


def _of_some(chance: Random, plan: Plan) -> Mishap:
    return _draft(nodes=_some(chance, plan), lasts=_long(chance))


def _of_all(chance: Random, plan: Plan) -> Mishap:
    return _draft(nodes=plan.nodes, lasts=_long(chance))


SAID = ("timeout", "servfail", "127.255.255.254", "91.195.240.87")


def _said(*words: str) -> "Drawing":
    """Of the zone: to whom it says it is left to chance."""

    def drawing(chance: Random, plan: Plan) -> Mishap:
        nodes = chance.choice(((), (), _one(chance, plan), ("collector",)))
        return _draft(word=chance.choice(words), nodes=nodes, lasts=_long(chance))

    return drawing


def _moment(chance: Random, _: Plan) -> Mishap:
    return _draft(number=chance.randrange(1, 30), word=chance.choice(("before", "after")))


def _stall(chance: Random, _: Plan) -> Mishap:
    return _draft(number=chance.choice((2, 20, 60, 100, 200, 600)))


def _jump(chance: Random, _: Plan) -> Mishap:
    return _draft(number=chance.choice((-7200, -600, -30, 30, 600, 7200)))


def _restore(chance: Random, _: Plan) -> Mishap:
    return _draft(lasts=chance.uniform(600, 5 * HOUR))


def _failures(chance: Random, _: Plan) -> Mishap:
    return _draft(number=chance.choice((1, 3, 20)), lasts=chance.choice((0.0, 60.0, 900.0)))


def _flap(chance: Random, plan: Plan) -> Mishap:
    return _draft(nodes=_one(chance, plan), number=chance.randrange(2, 8), lasts=0)


def _skew(chance: Random, plan: Plan) -> Mishap:
    number = chance.choice((-7200, -90, 90, 7200))
    return _draft(nodes=_one(chance, plan), lasts=_long(chance), number=number)


def _rewriting(chance: Random, plan: Plan) -> Mishap:
    nodes = chance.choice((_one(chance, plan), _some(chance, plan)))
    return _draft(nodes=nodes, lasts=_long(chance), number=chance.randrange(2))


Drawing = Callable[[Random, Plan], Mishap]
# Kind -> how often, and what it takes.
KINDS: Mapping[str, tuple[int, Drawing]] = {
    "listed": (6, _of_one),
    "lie": (2, _of_one),
    "mass listing": (2, _of_all),
    "flap": (2, _flap),
    "zone says": (4, _said(*SAID)),
    "wildcard": (1, _of_all),
    "cut": (5, _of_one),
    "partition": (2, _of_some),
    "all cut": (1, _of_all),
    "agent stops": (2, _of_one),
    "agent restarts": (2, _of_one),
    "agent put back": (2, _of_one),
    "clone": (1, _of_one),
    "helper breaks": (2, _of_one),
    "stale order": (3, _of_one),
    "collector crashes": (4, _moment),
    "collector restarts": (2, _moment),
    "collector down": (1, _of_one),
    "collector stalls": (4, _stall),
    "clock jumps": (2, _jump),
    "collector restored": (2, _restore),
    "journal fails": (2, _failures),
    "resolver rewrites": (2, _rewriting),
    "clock of a node": (2, _skew),
    "heartbeat again": (3, _of_one),
    "heartbeat late": (2, _of_one),
    "acknowledgements lost": (2, _of_one),
    "bounce storm": (2, _of_one),
    "receiver blocks": (2, _of_one),
    "disk full": (2, _of_one),
    "postfix stops": (2, _of_one),
    "dns broken": (1, _of_some),
    "operator pauses": (3, _of_one),
    "automation stopped": (1, _of_one),
    "sending stopped": (1, _of_one),
    "cut after a restart": (1, _of_one_for_a_while),
    "listed while stopped": (1, _of_one_for_a_while),
}

# As they are counted: of a zone by what it says.
SAYS = "zone says"
EVERY = tuple(
    one for kind in KINDS for one in ([f"{SAYS} {w}" for w in SAID] if kind == SAYS else [kind])
)


def named(mishap: Mishap) -> str:
    """One of EVERY."""
    return f"{SAYS} {mishap.word}" if mishap.kind == SAYS else mishap.kind
