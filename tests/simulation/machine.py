"""The machine under a simulated agent: Postfix behind the helper's door, and the log it writes."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.converge import LogWitness
from agent.model import PostfixObserved
from agent.self_silence import SelfSilence
from collector.core.heartbeat import Cell, Detail, Numbers
from collector.core.histograms import pack
from deliverability.delays import PARTS
from deliverability.replies import Outcome
from tests.simulation.clock import START, VirtualClock

NO_DELAYS = pack([[] for _ in PARTS])


class HelperGone(Exception):
    """The helper does not answer."""


@dataclass(slots=True)
class Postfix:
    """`PostfixDoor` and the intent beside it; obeys at once, and its log says so."""

    clock: VirtualClock
    is_broken: bool = False
    is_resuming: bool = False
    self_silence: SelfSilence | None = None
    reload_at: datetime | None = None
    observed: PostfixObserved = field(
        default_factory=lambda: PostfixObserved(
            running=True,
            version="3.7.11",
            outbound=("smtp",),
            deferred=(),
            config_changed_at=START,
            qmgr_started_at=START,
        )
    )

    async def observe(self) -> PostfixObserved:
        if self.is_broken:
            raise HelperGone("the helper does not answer")
        return self.observed

    async def pause(self) -> None:
        self._load(paused=True, deferred=self.observed.outbound)

    async def resume(self) -> None:
        self._load(paused=False, deferred=())

    def _load(self, *, paused: bool, deferred: tuple[str, ...]) -> None:
        if self.is_broken:
            raise HelperGone("the helper does not answer")
        now = self.clock.true_now()
        self.reload_at = now
        self.observed = replace(
            self.observed,
            paused=paused,
            deferred=deferred,
            config_changed_at=now,
            qmgr_started_at=now,
        )

    def note_self_silence(self, silence: SelfSilence | None) -> None:
        self.self_silence = silence

    def note_resuming(self, is_resuming: bool) -> None:
        self.is_resuming = is_resuming

    def witness(self) -> LogWitness:
        return LogWitness(reload_at=self.reload_at)

    @property
    def sends(self) -> bool:
        return self.observed.running and not self.observed.paused


@dataclass(frozen=True, slots=True)
class Entry:
    """Some lines of the log: so many deliveries of one kind."""

    address: str
    receiver: str
    outcome: Outcome
    count: int
    reply_class: str = ""
    # Every attempt is the first of its recipient, unless said.
    is_first: bool = True


@dataclass(slots=True)
class Log:
    """Grows; a position in it is how many entries lie before."""

    entries: list[Entry] = field(default_factory=list)

    def write(self, entries: Iterable[Entry]) -> None:
        self.entries.extend(entries)


FIRSTS = {
    Outcome.SENT: "first_sent",
    Outcome.DEFERRED: "first_deferred",
    Outcome.BOUNCED: "first_bounced",
}


def add(cell: Cell | None, entry: Entry) -> Cell:
    """The cell with these deliveries counted in."""
    if cell is None:
        cell = Cell(address=entry.address, receiver=entry.receiver, attempts=())
    attempts = dict(cell.attempts)
    attempts[entry.outcome] = attempts.get(entry.outcome, 0) + entry.count
    numbers = cell.numbers
    if entry.is_first and entry.outcome in FIRSTS:
        name = FIRSTS[entry.outcome]
        more = {name: getattr(numbers, name) + entry.count}
        numbers = Numbers(**{**numbers._asdict(), **more})
    detail = cell.detail
    if entry.reply_class:
        classes = dict(detail.classes) if detail else {}
        classes[entry.reply_class] = classes.get(entry.reply_class, 0) + entry.count
        detail = Detail(delays=NO_DELAYS, classes=tuple(sorted(classes.items())))
    counted = tuple(sorted(attempts.items(), key=lambda one: one[0].value))
    return replace(cell, attempts=counted, numbers=numbers, detail=detail)
