"""Bringing Postfix to its directive across crashes of the agent: what was begun is finished."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import pytest

from agent.converge import LogWitness
from agent.enforcement import Enforcement
from agent.model import AddressOrder, Convergence, Directive, PostfixObserved
from agent.self_silence import SelfSilence
from agent.state_file import StateError

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
OPEN = Directive(term=1, revision=2, addresses=(AddressOrder(address="198.51.100.1"),))
SILENT = replace(
    OPEN, revision=3, addresses=(AddressOrder(address="198.51.100.1", pauses=("LISTED",)),)
)
SENDING = PostfixObserved(
    running=True,
    version="3.7.11",
    outbound=("smtp",),
    deferred=(),
    paused=False,
    config_changed_at=NOON - timedelta(hours=1),
    qmgr_started_at=NOON - timedelta(minutes=50),
)
# The resume's edit is on the disk, its reload never came.
HALF_RESUMED = replace(SENDING, config_changed_at=NOON)


@dataclass
class Door:
    """Postfix as it is, and what was asked of it."""

    observed: PostfixObserved
    asked: list[str] = field(default_factory=list)

    async def observe(self) -> PostfixObserved:
        return self.observed

    async def pause(self) -> None:
        self.asked.append("pause")
        self.observed = replace(SENDING, paused=True, deferred=("smtp",))

    async def resume(self) -> None:
        self.asked.append("resume")
        self.observed = SENDING


@dataclass
class Kept:
    """The state file's part in it; a full disk refuses every change."""

    is_resuming: bool = False
    self_silence: SelfSilence | None = None
    is_full: bool = False

    def note_self_silence(self, silence: SelfSilence | None) -> None:
        self.self_silence = silence

    def note_resuming(self, is_resuming: bool) -> None:
        if self.is_full:
            raise StateError("no space left", retryable=True)
        self.is_resuming = is_resuming


def enforcing(door: Door, kept: Kept, *, held: Directive | None) -> Enforcement:
    return Enforcement(door, held, failures=(StateError,), witness=LogWitness, intent=kept)


async def test_a_resume_cut_short_is_finished_on_the_collectors_word() -> None:
    door, kept = Door(HALF_RESUMED), Kept(is_resuming=True)
    enforcement = enforcing(door, kept, held=OPEN)
    await enforcement.once()
    assert door.asked == []
    assert enforcement.order(OPEN)
    await enforcement.once()
    assert door.asked == ["resume"]
    assert enforcement.reading.convergence is Convergence.VERIFIED
    assert not kept.is_resuming


async def test_a_persons_own_edit_is_never_loaded_for_him() -> None:
    door = Door(HALF_RESUMED)
    enforcement = enforcing(door, Kept(), held=OPEN)
    enforcement.order(OPEN)
    await enforcement.once()
    assert door.asked == []
    assert enforcement.reading.convergence is Convergence.PENDING


async def test_a_resume_cut_short_is_forgotten_when_silence_is_wanted() -> None:
    closed = replace(SENDING, paused=True, deferred=("smtp",))
    door = Door(closed)
    enforcement = enforcing(door, Kept(is_resuming=True), held=SILENT)
    enforcement.order(SILENT)
    await enforcement.once()
    assert door.asked == []


@pytest.mark.parametrize(("directive", "asked"), [(SILENT, ["pause"]), (OPEN, [])])
async def test_a_full_disk_stops_a_resume_and_never_a_pause(
    directive: Directive, asked: list[str]
) -> None:
    door = Door(SENDING if directive is SILENT else replace(SENDING, paused=True))
    enforcement = enforcing(door, Kept(is_full=True), held=None)
    enforcement.order(directive)
    await enforcement.once()
    assert door.asked == asked
