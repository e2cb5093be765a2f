"""Which alerts stand, when they are reworded, and when they end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core.model import (
    AlertFact,
    Detector,
    Liveness,
    NodeFacts,
    Obedience,
    Order,
    Severity,
    Snapshot,
)
from deliverability.catalogue import CATALOGUE
from deliverability.zones import Sentinels, Verdict
from tests.core import fleet, looked
from tests.core.fleet import NOON, POLICY, ZEN, judged

SILENT = Order(term=2, revision=7, addresses=(("198.51.100.1", ("OPERATOR",)),))


def opened(snapshot: Snapshot) -> dict[str, Severity]:
    return {alert.key: alert.severity for alert in judged(snapshot).alerts_open}


def obeying(*, silent: bool = True, order: tuple[int, int] | None = (2, 7)) -> Obedience:
    return Obedience(order=order, convergence="verified", is_silent=silent, problem="")


def told(**rest: object) -> NodeFacts:
    """Told to be silent two minutes ago."""
    at = NOON - timedelta(minutes=2)
    return fleet.node("n1", **{"order": SILENT, "order_at": at, **rest})


DOUBTED = replace(
    fleet.fact(Verdict.UNKNOWN, sentinels=Sentinels.WRONG), why="sentinel 127.0.0.1 listed"
)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (fleet.node(), {}),
        (
            fleet.node("n1", fleet.address(zones=(DOUBTED,))),
            {f"quarantine:{ZEN}:n1": Severity.LOW},
        ),
        (fleet.node("n1", liveness=Liveness.LOST), {"unhealthy:n1": Severity.MEDIUM}),
        (
            fleet.node(
                "n1",
                fleet.address(zones=(fleet.fact(Verdict.UNKNOWN),)),
                last_usable_answer_at=fleet.ago(minutes=61),
            ),
            {"blind:n1": Severity.MEDIUM},
        ),
        (
            fleet.node("n1", last_usable_answer_at=None, enrolled_at=fleet.ago(hours=2)),
            {"blind:n1": Severity.MEDIUM},
        ),
        (fleet.node("n1", last_usable_answer_at=None, enrolled_at=fleet.ago(minutes=2)), {}),
        (fleet.node("n1", clock_skew=timedelta(hours=-1)), {"skew:n1": Severity.LOW}),
        (told(), {"disobedient:n1": Severity.HIGH}),
        (told(obedience=obeying()), {}),
        (told(obedience=obeying(silent=False)), {"disobedient:n1": Severity.HIGH}),
        (told(obedience=obeying(order=(2, 6))), {"disobedient:n1": Severity.HIGH}),
        (told(order_at=fleet.ago(seconds=9)), {}),
    ],
)
def test_what_a_node_raises(node: NodeFacts, expected: dict[str, Severity]) -> None:
    assert opened(fleet.snapshot(node)) == expected


def test_a_frozen_detector_is_said_once() -> None:
    frozen = Detector(frozen=True, healthy_since=None, why="the clock jumped by +9.0 s")
    seen = fleet.snapshot(fleet.node(), detector=frozen)
    assert opened(seen) == {"detector:silence": Severity.MEDIUM}
    (alert,) = judged(seen).alerts_open
    again = judged(replace(seen, alerts=(replace(alert, opened_at=fleet.ago(hours=1)),)))
    assert again.alerts_open == ()
    assert again.alerts_resolve == ()


def test_while_ears_are_not_trusted_no_node_is_newly_unhealthy() -> None:
    """One alert says it; who was unhealthy before stays so."""
    frozen = Detector(frozen=True, healthy_since=None, why="our own loop stood still for 90.0 s")
    lost = [fleet.node(name, liveness=Liveness.LOST) for name in ("n1", "n2")]
    seen = replace(fleet.snapshot(*lost, detector=frozen), alerts=(alert("unhealthy:n2", "n2"),))
    assert "unhealthy:n1" not in opened(seen)
    assert "detector:silence" in opened(seen)
    assert judged(seen).alerts_resolve == ()


def alert(key: str, node_id: str | None) -> AlertFact:
    return AlertFact(
        key=key, severity=Severity.MEDIUM, text="…", opened_at=fleet.ago(hours=1), node_id=node_id
    )


def test_only_what_was_judged_is_resolved() -> None:
    standing = (
        alert("unhealthy:n1", "n1"),
        alert("unhealthy:n2", "n2"),
        alert("duplicate:n1", "n1"),
        alert("detector:silence", None),
    )
    seen = replace(fleet.snapshot(fleet.node("n1")), alerts=standing)
    assert judged(seen).alerts_resolve == ("detector:silence", "unhealthy:n1")


@pytest.mark.parametrize(
    ("node", "seconds"),
    [
        (fleet.node(), None),
        (fleet.node("n1", fleet.address(zones=(fleet.fact(),))), 60),
        (fleet.node("n1", liveness=Liveness.LOST), 60),
        (told(), 30),
        (told(obedience=obeying()), None),
    ],
)
def test_who_is_looked_at_again_without_news(node: NodeFacts, seconds: int | None) -> None:
    at = looked.next_look(node, POLICY, catalogue=CATALOGUE, now=NOON)
    assert at == (None if seconds is None else NOON + timedelta(seconds=seconds))
