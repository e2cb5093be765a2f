"""A receiver that blocks an address: no grants for it, but those of a probe, turn by turn."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core.rotation import Block, Member
from tests.core.fleet import NOON, POLICY
from tests.core.test_rotation import asked, by_node, ledger, member, pool

TURN = POLICY.probe_after
PROBE = POLICY.probe_messages


def blocked(turns: int, *, by: str = "google") -> Member:
    """Blocked so many turns ago, at NOON in the middle of the next."""
    since = NOON - turns * TURN - TURN / 2
    block = Block(since, since + (turns + 1) * TURN)
    return member(1, blocked=(by,), blocks={by: block})


@pytest.mark.parametrize(
    "one, granted",
    [
        (member(1, blocked=("google",)), 0),
        (blocked(0), 0),
        (blocked(1), PROBE),
        (blocked(3), PROBE),
        (blocked(1, by="yahoo"), 50),
    ],
)
def test_a_blocked_receiver_gets_a_probe_a_turn_after_the_first(one: Member, granted: int) -> None:
    book = ledger(pool(one))
    assert book.give(asked(50), now=NOON).messages == granted
    more = book.give(asked(50), now=NOON)
    assert more.messages == (50 if granted == 50 else 0)
    if granted == PROBE:
        assert more.held == (("blocked by google", 1),)


def test_a_probe_counts_whatever_was_granted_of_its_turn_alone() -> None:
    book, one = ledger(pool(blocked(1))), blocked(1)
    first = book.give(asked(2), now=NOON)
    book.restore(one.key, asked(1), now=NOON)
    assert book.give(asked(50), now=NOON).messages == PROBE - 3
    book.take_back(first, asked(2), unfit=())
    assert book.give(asked(50), now=NOON).messages == 2
    block = one.blocks["google"]
    moved = block._replace(next_probe=block.next_probe + TURN)
    book.refresh(pool(replace(one, blocks={"google": moved})), now=NOON + TURN)
    assert book.give(asked(50), now=NOON + TURN).messages == PROBE


def test_once_it_is_over_all_may_go_there_again() -> None:
    book = ledger(pool(blocked(1), member(2)))
    assert by_node(book.give(asked(20), now=NOON)) == {"n1": PROBE, "n2": 20 - PROBE}
    book.refresh(pool(member(1), member(2)), now=NOON + timedelta(minutes=5))
    assert by_node(book.give(asked(40), now=NOON))["n1"] > PROBE
