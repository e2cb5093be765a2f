"""A node's order ahead of the journal: what stays silent, by table."""

from dataclasses import replace

import pytest

from collector.core import restored
from collector.core.judge import judge
from collector.core.model import Fate, Kind, Obedience, Order, Reason
from tests.core.fleet import NOON, POLICY, STANDING, node, pause, snapshot

ONE, TWO, STRANGER = "198.51.100.1", "198.51.100.2", "203.0.113.9"


def order(*paused: str, whole: tuple[str, ...] = (), at: tuple[int, int] = (5, 3)) -> Order:
    addresses = tuple((ip, ("LISTED",) if ip in paused else ()) for ip in {ONE, *paused})
    return Order(term=at[0], revision=at[1], node_pauses=whole, addresses=addresses)


def obedience(at: tuple[int, int], *, is_silent: bool) -> Obedience:
    return Obedience(order=at, convergence="verified", is_silent=is_silent, problem="")


@pytest.mark.parametrize(
    "applied, known, ahead",
    [
        (None, None, False),
        (None, (1, 1), False),
        ((1, 1), None, True),
        ((1, 1), (1, 1), False),
        ((1, 2), (1, 1), True),
        ((1, 9), (2, 1), False),
        ((3, 1), (2, 9), True),
    ],
)
def test_an_order_is_ahead_by_term_then_revision(
    applied: tuple[int, int] | None, known: tuple[int, int] | None, ahead: bool
) -> None:
    told = order(at=applied) if applied else None
    ours = order(at=known) if known else None
    assert restored.is_ahead(told, known=ours) is ahead


def test_other_words_of_the_same_number_are_ahead_too() -> None:
    assert restored.is_ahead(order(), known=order(ONE))
    assert restored.is_ahead(order(ONE), known=order())
    assert not restored.is_ahead(order(ONE, TWO), known=order(TWO, ONE))


def test_an_earlier_reigns_order_to_be_silent_is_given_again_until_it_is_shown() -> None:
    silenced = replace(node(), pauses=(pause(Reason.OPERATOR),))
    told = Order(term=2, revision=8, addresses=((ONE, ("OPERATOR",)),), standing=STANDING)
    deaf = replace(silenced, order=told, obedience=obedience((2, 8), is_silent=False))
    judgement = judge(snapshot(deaf), POLICY, now=NOON)
    assert [(one.term, one.revision) for _, one in judgement.orders] == [(3, 9)]
    shown = replace(deaf, obedience=obedience((2, 8), is_silent=True))
    assert not judge(snapshot(shown), POLICY, now=NOON).orders
    # Once a term: the alert tells people of the rest.
    again = replace(deaf, order=replace(told, term=3))
    assert not judge(snapshot(again), POLICY, now=NOON).orders


@pytest.mark.parametrize(
    "applied, silenced",
    [
        (order(), []),
        (order(ONE), [(ONE, "LISTED")]),
        (order(whole=("OPERATOR",)), [(None, "OPERATOR")]),
        # Silent as a whole: its addresses need no pause of their own.
        (order(ONE, whole=("STOP_SENDING",)), [(None, "LISTED, STOP_SENDING")]),
        # An address the journal does not know: silent as a whole, rather than not at all.
        (order(STRANGER), [(None, "LISTED")]),
        (order(ONE, STRANGER), [(None, "LISTED")]),
    ],
)
def test_what_the_order_silences_stays_silent(
    applied: Order, silenced: list[tuple[str | None, str]]
) -> None:
    judgement = restored.judge(node(), applied, term=7, policy_revision=2, now=NOON)
    assert [(one.subject.address, one.note) for one in judgement.pauses_open] == silenced
    assert {one.reason for one in judgement.pauses_open} <= {Reason.RESTORED}
    for index, decision in enumerate(judgement.decisions):
        assert judgement.pauses_open[index].decision == index
        assert decision.fate is Fate.MADE
        assert decision.proposal.kind is Kind.PAUSE
        assert decision.proposal.subject == judgement.pauses_open[index].subject
    assert judgement.is_empty is not bool(silenced)
    assert (judgement.at, judgement.term) == (NOON, 7)


def test_the_same_order_twice_opens_no_second_pause() -> None:
    held = replace(node(), pauses=(pause(Reason.RESTORED),))
    assert restored.judge(held, order(ONE), term=7, policy_revision=2, now=NOON).is_empty
    listed = replace(node(), pauses=(pause(Reason.LISTED),))
    assert restored.judge(listed, order(ONE), term=7, policy_revision=2, now=NOON).pauses_open


def test_each_address_has_its_own_pause() -> None:
    first = node()
    second = replace(first.addresses[0], ip=TWO)
    two = replace(first, addresses=(*first.addresses, second))
    judgement = restored.judge(two, order(ONE, TWO), term=7, policy_revision=2, now=NOON)
    assert [one.subject.address for one in judgement.pauses_open] == [ONE, TWO]
