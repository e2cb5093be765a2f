"""What one judgement wants changed: committed whole, in one transaction, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.core.incident import IncidentDraft
from collector.core.inputs import Inputs
from collector.core.model import (
    AlertFact,
    Decision,
    Lifecycle,
    Order,
    Reason,
    StandingKey,
    Subject,
)
from collector.core.settled import Settled
from collector.core.warmup_plan import Plan, SendingDay


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingDraft:
    """A listing to open. `details` is verbatim evidence for people."""

    node_id: str
    address: str
    zone: str
    operator: str
    answers: tuple[str, ...]
    consequence: str
    confirmed_by: str
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseDraft:
    """A pause to open because of `decisions[decision]`."""

    subject: Subject
    reason: Reason
    owner: str
    note: str
    decision: int
    expires_at: datetime | None = None
    probe_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationChange:
    """One address enters or leaves its pool's rotation. `decision` None: an operator's act.

    `is_return`: it comes back after automation took it out, which the brakes count.
    """

    subject: Subject
    member: bool
    reason: Reason | None
    decision: int | None
    is_return: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupChange:
    """A plan as it stands from now on. `decision`: its place in the judgement; None: no decision,
    kept for the record. `before`: the plan this one was made of; if another stands by now, nothing
    is written and the next pass looks again. `day`: the one that was judged, under `day_cap`, with
    what came of it."""

    subject: Subject
    plan: Plan
    decision: int | None
    before: Plan | None = None
    day: SendingDay | None = None
    day_cap: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleChange:
    """A sending node warms while any of its addresses has a cap, and is active otherwise. Refused
    by a node that is not `before` any more."""

    node_id: str
    before: Lifecycle
    after: Lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChange:
    """An address's score is another now. `lost`: points and what took them."""

    node_id: str
    address: str
    score: int
    lost: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectDraft:
    """A thing to be done after the commit. The same `key` twice is stored once."""

    key: str
    kind: str
    node_id: str | None
    payload: Mapping[str, object]


UNWRITTEN = ("at", "term", "due", "settled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`listings_close`, `pauses_close` are ids; `alerts_resolve` keys. `inputs` stand beside the
    decisions, one for each; none where a person decided."""

    at: datetime
    term: int
    decisions: tuple[Decision, ...] = ()
    inputs: tuple[Inputs, ...] = ()
    listings_open: tuple[ListingDraft, ...] = ()
    listings_close: tuple[str, ...] = ()
    pauses_open: tuple[PauseDraft, ...] = ()
    pauses_close: tuple[str, ...] = ()
    # Ids of pauses that were probed, and when to probe them next.
    pauses_probe: tuple[tuple[str, datetime], ...] = ()
    rotation: tuple[RotationChange, ...] = ()
    warmups: tuple[WarmupChange, ...] = ()
    lifecycles: tuple[LifecycleChange, ...] = ()
    orders: tuple[tuple[str, Order], ...] = ()
    effects: tuple[EffectDraft, ...] = ()
    alerts_open: tuple[AlertFact, ...] = ()
    alerts_resolve: tuple[str, ...] = ()
    incidents: tuple[IncidentDraft, ...] = ()
    # Effects too: what is to be told to people.
    notices: tuple[EffectDraft, ...] = ()
    brakes_engage: tuple[str, ...] = ()
    brakes_release: tuple[str, ...] = ()
    scores: tuple[ScoreChange, ...] = ()
    standing_clear: tuple[StandingKey, ...] = ()
    # A person's no whose cause is gone.
    denials_end: tuple[StandingKey, ...] = ()
    # Who must be judged again by when though nothing new is said; nothing that is written.
    due: tuple[tuple[str, datetime], ...] = ()
    # For the next pass, which need not look at what has nothing to tell.
    settled: Settled | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing would be written."""
        return not any(getattr(self, name) for name in self.__slots__ if name not in UNWRITTEN)
