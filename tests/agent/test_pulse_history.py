"""What a node tells after an outage: its minutes, a few at a time, until the collector has them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent import report
from agent.host.machine import Machine
from agent.host.services import Services
from agent.maillog.position import LogPosition
from agent.model import Ack, Counted, Heartbeat, Minute, MinuteCount, PostfixReading, QueueReading
from agent.pulse import Pulse, Sources
from agent.state import State
from deliverability.replies import Outcome
from tests.agent.samples import ADDRESS, HEARTBEAT, NOW

MINUTE = timedelta(minutes=1)
START = NOW.replace(second=0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State.open(tmp_path / "state.db", now=NOW)
    opened.start_counting(position=LogPosition(), counted_from=NOW)
    yield opened
    opened.close()


@pytest.fixture
def pulse(state: State, tmp_path: Path) -> Pulse:
    async def queue() -> QueueReading:
        return QueueReading()

    sources = Sources(
        machine=Machine(tmp_path),
        services=Services(()),
        queue=queue,
        postfix=PostfixReading,
        agent=lambda: HEARTBEAT.agent,
    )
    return Pulse(state, sources)


def count(state: State, minute: int, *receivers: str, at: int | None = None) -> None:
    history = [
        MinuteCount(
            minute=START + minute * MINUTE,
            address=ADDRESS,
            receiver=receiver,
            outcome=Outcome.SENT,
            attempts=2,
        )
        for receiver in receivers
    ]
    counted = Counted(history=history, at=START + (minute if at is None else at) * MINUTE)
    state.count(position=LogPosition(), counted_to=NOW, counted=counted)


async def beat(pulse: Pulse) -> Heartbeat:
    return pulse.number(await pulse.gather(), now=NOW)


def ack(sent: Heartbeat) -> Ack:
    return Ack(epoch=sent.epoch, sequence=sent.sequence, events_upto=0)


async def test_minutes_are_told_until_they_are_acknowledged(state: State, pulse: Pulse) -> None:
    for minute in range(2 * report.MINUTES_MAX + 5):
        count(state, minute, "google", "yahoo")
    assert (await beat(pulse)).history == ()
    pulse.tell_minutes(after=START + 2 * MINUTE, before=START + 1000 * MINUTE)
    first, again = await beat(pulse), await beat(pulse)
    assert first.history == again.history
    assert len(first.history) == report.MINUTES_MAX
    assert first.history[0] == Minute(at=START + 3 * MINUTE, attempts={Outcome.SENT: 4})
    told = [minute.at for minute in first.history]
    pulse.acknowledged(ack(again))
    while (sent := await beat(pulse)).history:
        told += [minute.at for minute in sent.history]
        pulse.acknowledged(ack(sent))
    assert told == [START + minute * MINUTE for minute in range(3, 2 * report.MINUTES_MAX + 5)]


def test_a_day_of_minutes_is_kept(state: State) -> None:
    for minute in (0, 5, 1439, 1440, 1443):
        count(state, minute, "google")
        count(state, minute, "google")
    long_ago, far = START - timedelta(days=9), START + timedelta(days=9)
    kept = state.minutes(after=long_ago, before=far, limit=99)
    assert [(minute.at - START) // MINUTE for minute in kept] == [5, 1439, 1440, 1443]
    assert all(minute.attempts == {Outcome.SENT: 4} for minute in kept)


def test_what_a_clock_told_that_was_put_back_is_not_kept(state: State) -> None:
    """Nor does a line dated ahead take a day's minutes along: a day is told by the present."""
    for minute in (0, 5):
        count(state, minute, "google")
    count(state, 10_000, "google", at=6)
    count(state, 7, "google")
    kept = state.minutes(after=START - MINUTE, before=START + 99_999 * MINUTE, limit=99)
    assert [(minute.at - START) // MINUTE for minute in kept] == [0, 5, 7]


def test_a_new_epoch_keeps_the_minutes(state: State) -> None:
    count(state, 1, "google")
    state.begin_epoch("next", counted_from=NOW, position=None, gap=None, now=NOW)
    assert state.minutes(after=START - MINUTE, before=START + 9 * MINUTE, limit=9)
