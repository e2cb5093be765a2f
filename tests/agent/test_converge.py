"""What is to be done so that Postfix obeys, case by case, and when it counts as done."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent.converge import Action, LogWitness, converge, is_silent, judge
from agent.model import AddressOrder, Convergence, Directive, PostfixObserved
from tests.agent.samples import NOW, OBSERVED

OPEN = replace(OBSERVED, deferred=(), paused=False)
HALF = replace(OBSERVED, deferred=("smtp",))
UNLOADED = replace(OBSERVED, qmgr_started_at=NOW - timedelta(seconds=9))
FOREIGN = replace(OBSERVED, paused=False)
STOPPED = replace(OBSERVED, running=False, qmgr_started_at=None)
PAUSE = Directive(term=1, revision=2, node_pauses=("LISTED",))
ONE = Directive(
    term=1, revision=2, addresses=(AddressOrder(address="192.0.2.1", pauses=("LISTED",)),)
)
FREE = Directive(term=1, revision=3, addresses=(AddressOrder(address="192.0.2.1"),))
CHANGED = OBSERVED.config_changed_at


@pytest.mark.parametrize(
    "observed, wanted, confirmed, actions",
    [
        (OPEN, PAUSE, False, (Action.PAUSE,)),
        (OPEN, PAUSE, True, (Action.PAUSE,)),
        (OPEN, ONE, False, (Action.PAUSE,)),
        (HALF, PAUSE, False, (Action.PAUSE,)),
        (UNLOADED, PAUSE, False, (Action.PAUSE,)),
        (FOREIGN, PAUSE, False, (Action.PAUSE,)),
        (OBSERVED, PAUSE, False, ()),
        (STOPPED, PAUSE, False, ()),
        (replace(STOPPED, deferred=()), PAUSE, False, (Action.PAUSE,)),
        (OBSERVED, FREE, False, ()),
        (OBSERVED, FREE, True, (Action.RESUME,)),
        (HALF, FREE, True, (Action.RESUME,)),
        (OPEN, FREE, True, ()),
        (FOREIGN, FREE, True, ()),
        (OPEN, None, False, ()),
        (OBSERVED, None, False, ()),
        (HALF, None, False, (Action.PAUSE,)),
        (FOREIGN, None, False, ()),
    ],
)
def test_actions(
    observed: PostfixObserved,
    wanted: Directive | None,
    confirmed: bool,
    actions: tuple[Action, ...],
) -> None:
    assert converge(observed, wanted, confirmed=confirmed) == actions


def verdict(
    observed: PostfixObserved, wanted: Directive | None, reload_at: datetime | None, **more: bool
) -> Convergence:
    return judge(
        observed,
        wanted,
        confirmed=more.get("confirmed", True),
        witness=LogWitness(reload_at=reload_at),
    ).convergence


@pytest.mark.parametrize(
    "observed, wanted, reload_at, convergence",
    [
        (OBSERVED, PAUSE, CHANGED, Convergence.VERIFIED),
        (OBSERVED, PAUSE, CHANGED - timedelta(seconds=1), Convergence.PENDING),
        (OBSERVED, PAUSE, None, Convergence.PENDING),
        (UNLOADED, PAUSE, CHANGED, Convergence.PENDING),
        (HALF, PAUSE, CHANGED, Convergence.PENDING),
        (STOPPED, PAUSE, None, Convergence.VERIFIED),
        (OPEN, FREE, None, Convergence.VERIFIED),
        (OBSERVED, FREE, CHANGED, Convergence.PENDING),
        (OPEN, None, None, Convergence.PENDING),
    ],
)
def test_when_it_is_verified(
    observed: PostfixObserved,
    wanted: Directive | None,
    reload_at: datetime | None,
    convergence: Convergence,
) -> None:
    assert verdict(observed, wanted, reload_at) is convergence


def test_the_logs_whole_seconds_are_enough() -> None:
    within = replace(OBSERVED, config_changed_at=CHANGED + timedelta(milliseconds=900))
    within = replace(within, qmgr_started_at=within.config_changed_at)
    assert verdict(within, PAUSE, CHANGED) is Convergence.VERIFIED


def test_a_persons_own_edit_does_not_undo_a_verified_resume() -> None:
    edited = replace(OPEN, qmgr_started_at=CHANGED - timedelta(seconds=1))
    witness = LogWitness()
    assert verdict(edited, FREE, None) is Convergence.PENDING
    before = judge(OPEN, FREE, confirmed=True, witness=witness)
    again = judge(edited, FREE, confirmed=True, witness=witness, before=before)
    assert again.convergence is Convergence.VERIFIED


def test_an_unconfirmed_resume_says_what_it_waits_for() -> None:
    reading = judge(OBSERVED, FREE, confirmed=False, witness=LogWitness(reload_at=CHANGED))
    assert "collector" in reading.problem
    assert reading.directive_order == (1, 3)


@pytest.mark.parametrize("wanted", [PAUSE, FREE])
def test_what_the_queue_manager_has_not_read_is_said(wanted: Directive) -> None:
    observed = replace(UNLOADED, paused=wanted is PAUSE)
    absent = replace(observed, qmgr_started_at=None)
    for seen, said in ((observed, "main.cf changed after"), (absent, "no queue manager runs")):
        reading = judge(seen, wanted, confirmed=True, witness=LogWitness(reload_at=NOW))
        assert reading.convergence is Convergence.PENDING
        assert reading.problem.startswith(said)


def test_what_began_past_the_pause_is_said() -> None:
    flushed = LogWitness(reload_at=CHANGED, begun=2)
    reading = judge(OBSERVED, PAUSE, confirmed=True, witness=flushed)
    assert (reading.convergence, reading.is_silent) == (Convergence.VERIFIED, False)
    assert reading.problem == "deliveries begun since Postfix was closed: 2"


@pytest.mark.parametrize(
    "observed, witness, silent",
    [
        (OBSERVED, LogWitness(reload_at=CHANGED, in_flight=5), True),
        (OBSERVED, LogWitness(reload_at=CHANGED, begun=1), False),
        (OBSERVED, LogWitness(), False),
        (UNLOADED, LogWitness(reload_at=CHANGED), False),
        (OPEN, LogWitness(reload_at=CHANGED), False),
        (STOPPED, LogWitness(begun=3), True),
    ],
)
def test_silence(observed: PostfixObserved, witness: LogWitness, silent: bool) -> None:
    assert is_silent(observed, witness) is silent
