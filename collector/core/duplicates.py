"""Two streams of one identity: who keeps the node. Knows no stream and no clock (DESIGN 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

SWAPS_MAX = 3
SWAPS_WITHIN_SECONDS = 300.0


class Ruling(Enum):
    ADMIT = "admit"
    # A process takes its own node back; the older stream is closed.
    RETURN = "return"
    # The newer process takes the node, the older is closed.
    REPLACE = "replace"
    # The older keeps the node, the newer may only enrol anew.
    REFUSE = "refuse"
    # Neither: they take turns.
    BOTH_OUT = "both out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who speaks as the node: the machine, and the process on it (random at its start)."""

    machine_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """`swaps`: the times to remember for the next judgement."""

    ruling: Ruling
    swaps: tuple[float, ...]


def judge(live: Claim | None, newcomer: Claim, *, swaps: Sequence[float], now: float) -> Judged:
    """`swaps`: monotonic seconds at which one process took the node from another.

    A process that takes its own node back (its connection broke, or its certificate was renewed)
    is no swap.
    """
    recent = tuple(at for at in swaps if now - at < SWAPS_WITHIN_SECONDS)
    if len(recent) > SWAPS_MAX:
        return Judged(ruling=Ruling.BOTH_OUT, swaps=recent)
    if live is None:
        return Judged(ruling=Ruling.ADMIT, swaps=recent)
    if live.machine_id != newcomer.machine_id:
        return Judged(ruling=Ruling.REFUSE, swaps=recent)
    if live.run_id == newcomer.run_id:
        return Judged(ruling=Ruling.RETURN, swaps=recent)
    recent = (*recent, now)
    ruling = Ruling.BOTH_OUT if len(recent) > SWAPS_MAX else Ruling.REPLACE
    return Judged(ruling=ruling, swaps=recent)
