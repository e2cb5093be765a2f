"""Cuts a plan that misses a goal down to the least that still misses the same one: fewest
mishaps, nodes and addresses, the shortest time. Tries one thing after the other until nothing
more can go.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.simulation.plan import QUIET_FIRST, Mishap, Plan
from tests.simulation.run import Played, play

TRIES_MAX = 200
# So late nothing more is asked of a shrunk plan.
AFTER_SECONDS = 4 * 3600.0
SHORT_SECONDS = 60.0
# What names and numbers stand for when two violations are compared.
PARTICULAR = re.compile(r"\bn\d+( clone)?\b|[0-9a-f]{8}-[0-9a-f-]{27}|\d[\d.:]*")

Try = Callable[[Plan], Played]


def shrink(played: Played, *, again: Try = play) -> Played:
    """The smallest found; `played` itself when nothing of it can go."""
    assert played.violation, "nothing is missed"
    cutter = _Cutter(played, again)
    size = None
    while size != (size := _size(cutter.best.plan)) and cutter.tries < TRIES_MAX:
        cutter.keep_first(_sooner(cutter.best))
        cutter.fewer_mishaps()
        cutter.keep_each(_without_node)
        cutter.keep_each(_simpler)
    return cutter.best


def same(one: str, other: str) -> bool:
    """Whether two violations are of the same goal, whoever it was missed by."""
    return _goal(one) == _goal(other)


def _goal(violation: str) -> str:
    return PARTICULAR.sub("#", violation)


def _size(plan: Plan) -> tuple[int, int, int, float, float]:
    nodes = len(plan.nodes)
    addresses = sum(pool.nodes * pool.addresses for pool in plan.pools)
    lasts = sum(one.lasts for one in plan.mishaps)
    return len(plan.mishaps), nodes, addresses, plan.lasts, lasts


class _Cutter:
    def __init__(self, played: Played, again: Try) -> None:
        self.best = played
        self.tries = 0
        self._again = again
        self._known: set[Plan] = {played.plan}

    def is_kept(self, plan: Plan) -> bool:
        """Whether it misses the same goal: it is the best from now on."""
        if plan in self._known or self.tries >= TRIES_MAX:
            return False
        self._known.add(plan)
        self.tries += 1
        played = self._again(plan)
        if not played.violation or not same(played.violation, self.best.violation):
            return False
        self.best = played
        return True

    def keep_first(self, plans: Iterator[Plan]) -> None:
        any(map(self.is_kept, plans))

    def keep_each(self, smaller: Callable[[Plan], Iterator[Plan]]) -> None:
        """As long as one of these helps, from the best so far."""
        while any(map(self.is_kept, smaller(self.best.plan))):
            pass

    def fewer_mishaps(self) -> None:
        """Delta debugging: without a half, a quarter, … one of them."""
        size = len(self.best.plan.mishaps)
        while size:
            place = 0
            while place < len(self.best.plan.mishaps):
                mishaps = self.best.plan.mishaps
                fewer = (*mishaps[:place], *mishaps[place + size :])
                if not self.is_kept(replace(self.best.plan, mishaps=fewer)):
                    place += size
            size //= 2


def _sooner(played: Played) -> Iterator[Plan]:
    """Without what comes after, and without the wait before the first mishap."""
    plan, at = played.plan, played.at
    before = tuple(one for one in plan.mishaps if one.at <= at)
    for after in (60.0, AFTER_SECONDS):
        yield replace(plan, mishaps=before, lasts=min(plan.lasts, at + after))
    early = min((one.at for one in before), default=0.0) - QUIET_FIRST
    if early > 0:
        moved = tuple(replace(one, at=one.at - early) for one in before)
        for after in (60.0, AFTER_SECONDS):
            yield replace(plan, mishaps=moved, lasts=min(plan.lasts, at - early + after))


def _without_node(plan: Plan) -> Iterator[Plan]:
    """Each in turn, and what happens to it alone; the others move up."""
    number = 0
    for place, pool in enumerate(plan.pools):
        for _ in range(pool.nodes):
            number += 1
            if len(plan.nodes) > 1:
                fewer = replace(pool, nodes=pool.nodes - 1)
                pools = [*plan.pools[:place], *([fewer] if fewer.nodes else [])]
                mishaps = tuple(_moved_up(plan.mishaps, number))
                yield replace(plan, pools=(*pools, *plan.pools[place + 1 :]), mishaps=mishaps)


def _moved_up(mishaps: Sequence[Mishap], gone: int) -> Iterator[Mishap]:
    for one in mishaps:
        numbers = [int(name[1:]) for name in one.nodes if name.startswith("n")]
        named = tuple(f"n{k - (k > gone)}" for k in numbers if k != gone)
        others = tuple(name for name in one.nodes if not name.startswith("n"))
        if named or others or not one.nodes:
            yield replace(one, nodes=(*named, *others))


def _simpler(plan: Plan) -> Iterator[Plan]:
    """One address a node; mishaps that last less, and follow each other sooner."""
    for place, pool in enumerate(plan.pools):
        if pool.addresses > 1:
            single = (replace(pool, addresses=1),)
            yield replace(plan, pools=(*plan.pools[:place], *single, *plan.pools[place + 1 :]))
    for place, one in enumerate(plan.mishaps):
        rest, before = plan.mishaps[place + 1 :], plan.mishaps[:place]
        if one.lasts > SHORT_SECONDS:
            half = (replace(one, lasts=one.lasts / 2),)
            yield replace(plan, mishaps=(*before, *half, *rest))
        gap = one.at - (before[-1].at if before else QUIET_FIRST)
        if gap > SHORT_SECONDS:
            sooner = tuple(replace(two, at=two.at - gap / 2) for two in (one, *rest))
            lasts = plan.lasts - gap / 2
            yield replace(plan, mishaps=(*before, *sooner), lasts=lasts)
