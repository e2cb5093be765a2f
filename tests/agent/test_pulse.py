"""Heartbeats on a real state file: what is numbered, what is forgotten, what an ack means."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.bell import Bell
from agent.converge import LogWitness
from agent.dnsbl import sockets
from agent.dnsbl.sweep import Sweep
from agent.dnsbl.watch import Chance, ZoneWatch
from agent.enforcement import Enforcement
from agent.health import Health
from agent.host.machine import Machine
from agent.host.services import Services
from agent.maillog.position import LogPosition
from agent.model import (
    Ack,
    Cell,
    CellKey,
    Counted,
    Directive,
    Heartbeat,
    NewEpoch,
    PostfixObserved,
    PostfixReading,
    QueueReading,
    ServiceState,
    Welcome,
)
from agent.postfix.client import PostfixError
from agent.pulse import Pulse, Sources
from agent.session import Bells, Pace, Parts, Self, Session
from agent.state import State, StateError
from deliverability.nameservers import Nameserver
from deliverability.replies import Outcome
from deliverability.zones import ZoneKeys
from tests.agent.samples import ADDRESS, DIRECTIVE, HEARTBEAT, NOW, OBSERVED, ZONE

GMAIL, YAHOO = CellKey(ADDRESS, "gmail"), CellKey(ADDRESS, "yahoo")
ME = Self(
    version="0.1.0",
    machine_id="m" * 32,
    boot_id="",
    run_id="r",
    hostname="mx1",
    addresses=(ADDRESS,),
)
WELCOME = Welcome(
    term=4,
    node_id="node-1",
    heartbeat_interval=timedelta(seconds=2),
    heartbeat_jitter=timedelta(seconds=0.2),
    reconnect_spread=timedelta(seconds=40),
    sweep_critical=timedelta(seconds=5),
    collector_time=NOW,
)


class NoPostfix:
    """A helper that is away."""

    async def observe(self) -> PostfixObserved:
        raise PostfixError("helper: away", retryable=True)

    pause = resume = observe


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State.open(tmp_path / "state.db", now=NOW)
    opened.start_counting(position=LogPosition(), counted_from=NOW)
    yield opened
    opened.close()


async def no_queue() -> QueueReading:
    return QueueReading()


@pytest.fixture
def pulse(state: State, tmp_path: Path) -> Pulse:
    sources = Sources(
        machine=Machine(tmp_path),
        services=Services(()),
        queue=no_queue,
        postfix=lambda: PostfixReading(observed=OBSERVED),
        agent=lambda: HEARTBEAT.agent,
    )
    return Pulse(state, sources)


async def beat(pulse: Pulse) -> Heartbeat:
    return pulse.number(await pulse.gather(), now=NOW)


def count(state: State, key: CellKey, attempts: int) -> None:
    counted = Counted(cells=[Cell(key=key, attempts={Outcome.SENT: attempts})])
    state.count(position=LogPosition(), counted_to=NOW, counted=counted)


def ack(sent: Heartbeat, events_upto: int = 0) -> Ack:
    return Ack(epoch=sent.epoch, sequence=sent.sequence, events_upto=events_upto)


async def test_only_what_is_news_travels_until_it_is_acknowledged(
    state: State, pulse: Pulse
) -> None:
    count(state, GMAIL, 5)
    first, second = await beat(pulse), await beat(pulse)
    assert (first.sequence, second.sequence) == (1, 2)
    assert [cell.key for cell in second.cells] == [GMAIL]
    pulse.acknowledged(ack(second))
    count(state, YAHOO, 1)
    assert [cell.key for cell in (await beat(pulse)).cells] == [YAHOO]
    assert first.services[0].state is ServiceState.RUNNING


async def test_an_ack_of_another_epoch_or_of_the_future_is_none(state: State, pulse: Pulse) -> None:
    count(state, GMAIL, 5)
    sent = await beat(pulse)
    pulse.acknowledged(replace(ack(sent), epoch="another"))
    pulse.acknowledged(replace(ack(sent), sequence=99))
    assert state.sequence_acknowledged == 0
    assert (await beat(pulse)).cells


async def test_everything_is_told_until_one_such_heartbeat_is_acknowledged(
    state: State, pulse: Pulse
) -> None:
    count(state, GMAIL, 5)
    pulse.acknowledged(ack(await beat(pulse)))
    pulse.tell_all()
    full, again = await beat(pulse), await beat(pulse)
    assert full.full_state
    assert again.full_state
    assert [cell.key for cell in full.cells] == [GMAIL]
    pulse.acknowledged(ack(full))
    after = await beat(pulse)
    assert not after.full_state
    assert after.cells == ()


async def test_a_new_epoch_tells_nothing_of_the_one_before(state: State, pulse: Pulse) -> None:
    count(state, GMAIL, 5)
    before = await beat(pulse)
    state.begin_epoch("next", counted_from=NOW, position=LogPosition(), gap=None, now=NOW)
    count(state, YAHOO, 2)
    first = await beat(pulse)
    assert (first.epoch, first.sequence, first.full_state) == ("next", 1, True)
    assert [(cell.key, cell.attempts) for cell in first.cells] == [(YAHOO, {Outcome.SENT: 2})]
    pulse.acknowledged(ack(before))
    assert (await beat(pulse)).full_state


async def test_zone_readings_and_events_wait_for_their_ack(state: State, pulse: Pulse) -> None:
    (event,) = state.record_round([ZONE])
    sent = await beat(pulse)
    assert sent.events[-1] == event
    assert [zone.zone for zone in sent.zones] == [ZONE.zone]
    pulse.acknowledged(ack(sent, events_upto=event.id))
    assert (await beat(pulse)).events == ()


def session_on(state: State, pulse: Pulse, health: Health) -> tuple[Session, Enforcement, Pace]:
    enforcement = Enforcement(
        NoPostfix(),
        state.directive,
        failures=(PostfixError,),
        witness=LogWitness,
        intent=state,
    )

    def broken_log(_: NewEpoch) -> None:
        raise PermissionError("mail.log")

    ways = sockets.ways([Nameserver("127.0.0.1")])
    chance = Chance(luck=lambda: 0.0, token=lambda: "token")
    parts = Parts(
        state=state,
        enforcement=enforcement,
        pulse=pulse,
        health=health,
        restart_log=broken_log,
        zones=ZoneWatch(Sweep(ways), ME.addresses, chosen=(), keys=ZoneKeys(), chance=chance),
    )
    pace = Pace()
    bells = Bells(beat=Bell(), obey=Bell(), sweep=Bell())
    return Session(ME, parts, pace=pace, bells=bells, now=lambda: NOW), enforcement, pace


def test_a_welcome_sets_the_pace_and_is_remembered(state: State, pulse: Pulse) -> None:
    health = Health()
    session, _, pace = session_on(state, pulse, health)
    session.received(replace(WELCOME, collector_time=NOW - timedelta(hours=1)))
    assert (pace.interval, pace.sweep) == (timedelta(seconds=2), timedelta(seconds=5))
    assert session.reconnect_spread == timedelta(seconds=40)
    assert session.hello().term_highest == 4
    assert health.problems == ("clock: clock 3600 s ahead of the collector's (timedatectl)",)


def test_a_directive_is_stored_and_told_in_the_next_hello(state: State, pulse: Pulse) -> None:
    session, enforcement, _ = session_on(state, pulse, Health())
    session.received(DIRECTIVE)
    assert enforcement.wanted == state.directive == session.hello().applied == DIRECTIVE
    session.received(replace(DIRECTIVE, node_pauses=()))
    session.received(Directive(term=2, revision=99))
    assert enforcement.wanted == state.directive == DIRECTIVE


def test_a_directive_that_cannot_be_stored_is_obeyed(
    state: State, pulse: Pulse, tmp_path: Path
) -> None:
    health = Health()
    session, enforcement, _ = session_on(state, pulse, health)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # nobody else can write
        session.received(DIRECTIVE)
    assert enforcement.wanted == DIRECTIVE
    assert state.directive is None
    assert health.state_errors == 1
    assert "storing the directive" in health.problems[0]


def test_a_new_epoch_that_cannot_begin_yet_is_not_forgotten(state: State, pulse: Pulse) -> None:
    health = Health()
    session, _, _ = session_on(state, pulse, health)
    epoch = state.epoch
    session.received(NewEpoch())
    assert health.problems == ("epoch: a new one cannot begin: mail.log",)
    session.begin_epoch_due()
    assert state.epoch == epoch


def fail(*, retryable: bool) -> None:
    raise StateError("failed", retryable=retryable)


def test_a_broken_state_file_is_not_coped_with() -> None:
    health = Health()
    with pytest.raises(StateError), health.coping("writing"):
        fail(retryable=False)
    with health.coping("writing"):
        fail(retryable=True)
    assert health.state_errors == 1
    with health.coping("writing"):
        pass
    assert health.problems == ()


async def test_a_helper_that_is_away_is_a_failure_and_claims_no_silence(
    state: State, pulse: Pulse
) -> None:
    session, enforcement, _ = session_on(state, pulse, Health())
    assert await enforcement.once() is None
    assert "away" in enforcement.reading.problem
    session.received(DIRECTIVE)
    waits = [await enforcement.once() for _ in range(6)]
    assert waits == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 10, 10)]
    assert enforcement.reading.convergence.value == "failed"
    assert not enforcement.reading.is_silent
