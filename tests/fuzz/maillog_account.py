"""What must hold of the account of any bytes: it is stored, read again and heard as it was counted.

Whoever may write into a log may not end the account of it, nor the node's heartbeats.
"""

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from agent import wire as agent_wire
from agent.maillog import parse, unknown
from agent.maillog.position import LogPosition
from agent.maillog.silence import SilenceWatch
from agent.maillog.tally import Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock, last_time
from agent.maillog.unknown import UnknownLines
from agent.model import EventDraft, EventKind
from agent.state import State
from collector.core.heartbeat import Heartbeat
from collector.rpc import wire as collector_wire
from collector.rpc.wire import Arrival
from tests.agent.samples import HEARTBEAT, NOW
from tests.fuzz.usual import BULK


def is_kept_and_heard(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        with closing(State.open(path, now=NOW)) as state:
            state.start_counting(position=LogPosition(), counted_from=NOW)
            for chunk in (data, BULK + data + b"\n"):
                _count(state, chunk)
            kept = _all(state)
        with closing(State.open(path, now=NOW)) as state:
            events = state.events_unacknowledged(9)
            assert not [event.text for event in events if "corrupt" in event.text]
            assert _all(state) == kept
            _is_heard(state)


def _count(state: State, chunk: bytes) -> None:
    clock = LineClock(NOW)
    tally = Tally(Whose("192.0.2.1"), state.known(), clock=clock)
    watch = SilenceWatch(state.silence, clock)
    parsed = parse.parse_counted(chunk)
    watch.fold(parsed.events)
    tally.fold(parsed)
    lines = chunk.count(b"\n")
    strange = unknown.added(UnknownLines(), parsed, lines=lines, overlong=0)
    counted_to = last_time(chunk, clock) or NOW
    window = (min(counted_to, NOW), max(counted_to, NOW))
    gap = EventDraft(kind=EventKind.LOG_GAP, at=NOW, window=window, text="a gap")
    state.count(
        position=LogPosition(),
        counted_to=counted_to,
        counted=replace(tally.counted(), unknown_lines=strange),
        events=[gap],
        silence=watch.silence,
    )


def _all(state: State) -> tuple[object, ...]:
    known = state.known()
    return (
        *(known.cells, known.intake, known.senders, known.underway, known.blind_until),
        *(sorted(known.open_recipients), state.counted_to, state.silence, state.unknown_lines),
    )


def _is_heard(state: State) -> None:
    beat = replace(
        HEARTBEAT,
        cells=state.cells(),
        senders=state.senders_changed_since(-1),
        intake=state.intake_changed_since(-1),
        replies=state.replies_changed_since(-1),
        history=state.minutes(after=NOW.replace(year=1), before=NOW.replace(year=9999), limit=60),
        events=state.events_unacknowledged(16),
        counted_to=state.counted_to,
        unknown_lines=state.unknown_lines,
        postfix=replace(HEARTBEAT.postfix, reload_at=state.silence.reload_at),
    )
    sent = agent_wire.encode_heartbeat(beat)
    heard = collector_wire.decode(sent, Arrival(node_id="node-1", at=NOW))
    assert isinstance(heard, Heartbeat)
    assert len(heard.cells) == len(beat.cells)
