"""What the state keeps: totals, sequence, events, zones, directive; and what survives what."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent import state_schema
from agent.maillog.position import LogPosition
from agent.maillog.silence import Silence
from agent.model import (
    AddressOrder,
    Cell,
    CellKey,
    Counted,
    Directive,
    EventDraft,
    EventKind,
    ZoneReading,
)
from agent.state import State
from collector.rpc.bounds import BYTES_MAX
from deliverability.replies import Outcome, ReplyClass
from deliverability.zones import Sentinels, Verdict

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
GOOGLE, YAHOO = CellKey("198.51.100.9", "google"), CellKey("198.51.100.9", "yahoo")
ONE = Cell(
    key=CellKey("198.51.100.9", "google", "postfix-out"),
    attempts={Outcome.SENT: 4, Outcome.OURS: 1},
    rejected=3,
    first_sent=4,
    first_unknown=1,
    bytes_sent=12_345,
    delays=((0, 4, *[0] * 22), *[(4, *[0] * 23)] * 4),
    classes={ReplyClass.LOCAL: 1},
)
POSITION = LogPosition(inode=7, head_length=3, offset=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    state = State.open(path, now=NOW)
    yield state
    state.close()


def count(state: State, cells: dict[CellKey, dict[Outcome, int]]) -> None:
    counted = Counted(cells=[Cell(key=key, attempts=cell) for key, cell in cells.items()])
    state.count(position=POSITION, counted_to=NOW, counted=counted)


def draft(minutes: float = 0, text: str = "") -> EventDraft:
    return EventDraft(kind=EventKind.CONVERGED, at=NOW + timedelta(minutes=minutes), text=text)


def reading(verdict: Verdict, *answers: str, zone: str = "zen") -> ZoneReading:
    return ZoneReading(
        address=GOOGLE.address,
        zone=zone,
        verdict=verdict,
        answers=answers,
        sentinels=Sentinels.RIGHT,
        round=99,
        checked_at=NOW,
        why="because",
    )


def test_a_fresh_state(state: State) -> None:
    assert (state.sequence, state.round, state.term_highest, state.events_lost) == (0, 0, 0, 0)
    assert (state.position, state.counted_from, state.counted_to) == (None, None, None)
    assert (state.directive, state.reconnect_spread, state.cells()) == (None, None, ())
    assert state.silence == Silence()
    assert len(state.epoch) == 32
    (event,) = state.events_unacknowledged(9)
    assert (event.kind, event.at) == (EventKind.EPOCH_BEGUN, NOW)


def test_all_of_it_survives(path: Path) -> None:
    state = State.open(path, now=NOW)
    silence = Silence(reload_at=NOW, in_flight=2, begun=1)
    directive = Directive(
        term=2,
        revision=5,
        node_pauses=("OPERATOR",),
        addresses=(AddressOrder(address=GOOGLE.address, pauses=("LISTED",)),),
    )
    state.start_counting(position=LogPosition(), counted_from=NOW)
    state.count(
        position=POSITION,
        counted_to=NOW + timedelta(microseconds=1),
        counted=Counted(cells=[ONE]),
        silence=silence,
    )
    state.next_sequence()
    state.record_round([reading(Verdict.LISTED, "127.0.0.2")])
    state.hold_directive(directive)
    state.remember_reconnect_spread(timedelta(milliseconds=1500))
    epoch, events = state.epoch, state.events_unacknowledged(9)
    state.close()
    state = State.open(path, now=NOW)
    assert (state.epoch, state.sequence, state.round, state.term_highest) == (epoch, 1, 1, 2)
    assert (state.position, state.counted_from) == (POSITION, NOW)
    assert state.counted_to == NOW + timedelta(microseconds=1)
    assert state.silence == silence
    assert state.directive == directive
    assert state.reconnect_spread == timedelta(milliseconds=1500)
    (cell,) = state.cells()
    assert cell == ONE
    assert state.events_unacknowledged(9) == events
    assert state.zone_readings()[0].answers == ("127.0.0.2",)
    state.close()


def test_only_changed_cells_since_a_heartbeat(state: State) -> None:
    count(state, {GOOGLE: {Outcome.SENT: 1}, YAHOO: {Outcome.SENT: 1}})
    assert state.next_sequence() == 1
    assert [cell.key for cell in state.cells_changed_since(0)] == [GOOGLE, YAHOO]
    assert state.cells_changed_since(1) == ()
    count(state, {YAHOO: {Outcome.SENT: 1, Outcome.BOUNCED: 1}, GOOGLE: {Outcome.SENT: 1}})
    (cell,) = state.cells_changed_since(1)
    assert (cell.key, cell.attempts) == (YAHOO, {Outcome.SENT: 1, Outcome.BOUNCED: 1})
    assert state.next_sequence() == 2
    assert [cell.key for cell in state.cells_changed_since(1)] == [YAHOO]
    assert [cell.key for cell in state.cells_changed_since(0)] == [GOOGLE, YAHOO]
    assert state.cells_changed_since(2) == ()
    assert len(state.cells()) == 2


def test_more_than_may_be_told_is_as_much_as_may_be(state: State) -> None:
    """Or a log of made-up sizes would end the account of it, or every stream, for ever."""
    counted = Counted(cells=[replace(ONE, bytes_sent=2**63)])
    state.count(position=POSITION, counted_to=NOW, counted=counted)
    assert state.cells() == (replace(ONE, bytes_sent=BYTES_MAX),)


def test_acknowledged_never_goes_back(state: State) -> None:
    state.acknowledged(5, events_upto=0)
    state.acknowledged(3, events_upto=0)
    assert state.sequence_acknowledged == 5


def test_events_go_until_acknowledged_and_come_again_on_request(state: State) -> None:
    state.acknowledged(0, events_upto=state.events_unacknowledged(9)[-1].id)
    events = state.add_events([draft(text="a"), draft(text="b"), draft(text="c")])
    assert [event.text for event in events] == ["a", "b", "c"]
    assert state.events_unacknowledged(2) == events[:2]
    state.acknowledged(1, events_upto=events[1].id)
    assert state.events_unacknowledged(9) == events[2:]
    state.replay_events()
    assert state.events_unacknowledged(9)[-3:] == events


def test_events_are_kept_seven_days_and_losses_are_counted(state: State) -> None:
    first = state.add_events([draft(minutes=0), draft(minutes=1)])
    state.acknowledged(0, events_upto=first[0].id)
    week = timedelta(days=7) / timedelta(minutes=1)
    state.add_events([draft(minutes=week)])
    assert state.events_lost == 0
    state.add_events([draft(minutes=week + 2)])
    assert state.events_lost == 1
    state.replay_events()
    assert len(state.events_unacknowledged(9)) == 2


def test_events_are_bounded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_schema, "EVENTS_KEPT_MAX", 5)
    state.acknowledged(0, events_upto=state.events_unacknowledged(9)[-1].id)
    events = state.add_events([draft() for _ in range(4)])
    assert state.events_lost == 0
    events += state.add_events([draft() for _ in range(4)])
    assert state.events_unacknowledged(99) == events[3:]
    assert state.events_lost == 3


def test_event_numbers_are_never_used_again(path: Path) -> None:
    """Not by a restart, an epoch, an older copy of the file, nor a file made anew."""
    state = State.open(path, now=NOW)
    copy = path.with_name("copy")
    seen = [event.id for event in state.add_events([draft(), draft()])]
    state.close()
    shutil.copy(path, copy)
    later = NOW
    for turn in range(6):
        later += timedelta(minutes=1)
        if turn == 2:
            shutil.copy(copy, path)
        if turn == 4:
            path.unlink()
        state = State.open(path, now=later)
        seen += [event.id for event in state.add_events([draft(), draft()])]
        begun = state.begin_epoch(
            f"e{turn}", counted_from=NOW, position=POSITION, gap=(NOW, later), now=later
        )
        seen += [event.id for event in begun]
        state.close()
    assert seen == sorted(set(seen))


def test_a_new_epoch_begins_at_zero(state: State) -> None:
    count(state, {GOOGLE: {Outcome.SENT: 4}})
    state.next_sequence()
    state.acknowledged(1, events_upto=0)
    later = NOW + timedelta(hours=1)
    begun = state.begin_epoch(
        "second", counted_from=NOW, position=LogPosition(), gap=(NOW, later), now=later
    )
    assert [event.kind for event in begun] == [EventKind.EPOCH_BEGUN, EventKind.LOG_GAP]
    assert begun[1].window == (NOW, later)
    assert (state.epoch, state.sequence, state.sequence_acknowledged) == ("second", 0, 0)
    assert (state.cells(), state.counted_from, state.position) == ((), NOW, LogPosition())
    count(state, {GOOGLE: {Outcome.SENT: 1}})
    assert state.cells_changed_since(0)[0].attempts == {Outcome.SENT: 1}


@pytest.mark.parametrize(
    "first, second, kinds",
    [
        ((Verdict.CLEAR, ()), (Verdict.CLEAR, ()), 0),
        ((Verdict.UNKNOWN, ()), (Verdict.CLEAR, ()), 1),
        ((Verdict.CLEAR, ()), (Verdict.LISTED, ("127.0.0.2",)), 1),
        ((Verdict.LISTED, ("127.0.0.2",)), (Verdict.LISTED, ("127.0.0.2",)), 0),
        ((Verdict.LISTED, ("a", "b")), (Verdict.LISTED, ("b", "a")), 0),
        ((Verdict.LISTED, ("127.0.0.10",)), (Verdict.LISTED, ("127.0.0.2",)), 1),
        ((Verdict.UNKNOWN, ("127.255.255.254",)), (Verdict.UNKNOWN, ()), 0),
    ],
)
def test_a_sweep_tells_what_changed(
    state: State,
    first: tuple[Verdict, tuple[str, ...]],
    second: tuple[Verdict, tuple[str, ...]],
    kinds: int,
) -> None:
    told = state.record_round([reading(first[0], *first[1])])
    assert len(told) == (first[0] is Verdict.LISTED)
    events = state.record_round([reading(second[0], *second[1])])
    assert [event.kind for event in events] == [EventKind.ZONE_CHANGED] * kinds
    assert state.round == 2
    (kept,) = state.zone_readings()
    assert (kept.verdict, kept.answers, kept.round) == (*second, 2)
    assert all(event.zone == kept for event in events)


def test_a_sweep_of_some_zones_keeps_the_others(state: State) -> None:
    state.record_round([reading(Verdict.CLEAR), reading(Verdict.CLEAR, zone="other")])
    state.record_round([reading(Verdict.CLEAR)])
    assert [(r.zone, r.round) for r in state.zone_readings()] == [("other", 1), ("zen", 2)]


def test_an_older_directive_is_refused(state: State) -> None:
    assert state.hold_directive(Directive(term=2, revision=3))
    assert not state.hold_directive(Directive(term=2, revision=2, node_pauses=("OPERATOR",)))
    assert not state.hold_directive(Directive(term=1, revision=9))
    assert state.directive == Directive(term=2, revision=3)
    assert state.hold_directive(Directive(term=2, revision=3))
    assert state.hold_directive(Directive(term=3, revision=1, node_pauses=("OPERATOR",)))
    assert state.directive is not None
    assert state.directive.wants_silence
    assert state.term_highest == 3


def test_the_highest_term_only_grows(state: State) -> None:
    for term, highest in ((5, 5), (3, 5), (6, 6)):
        state.see_term(term)
        assert state.term_highest == highest
