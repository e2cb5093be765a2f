"""Properties of the ledger: whatever is asked, used and told, no cap is passed; turns are fair."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.core.ledger import Key
from collector.core.rotation import Used
from tests.core.fleet import NOON
from tests.core.test_rotation import CAP, asked, by_node, ledger, member, pool

LAG = timedelta(minutes=2)


@dataclass
class Held:
    """A grant of one address in its holder's hand."""

    key: Key
    receiver: str
    left: int
    until: datetime


acts = st.lists(
    st.tuples(
        st.sampled_from(["give", "send", "refresh", "rest"]),
        st.integers(1, 60),
        st.sampled_from(["google", "yahoo"]),
    ),
    max_size=40,
)


@given(acts, st.integers(1, 4))
def test_whatever_is_granted_and_used_no_cap_is_passed(
    moves: list[tuple[str, int, str]], size: int
) -> None:
    """Holders use some of their grants before they are over; nodes tell with their lag."""
    members = [member(n, cap=CAP) for n in range(1, size + 1)]
    book, now = ledger(pool(*members)), NOON
    hands: list[Held] = []
    sent: list[tuple[Key, str, datetime]] = []

    def used(key: Key, receiver: str | None, *, lag: timedelta = timedelta(0)) -> Used:
        mine = [at for k, r, at in sent if k == key and receiver in (None, r) and at <= now - lag]
        hour = now.replace(minute=0, second=0, microsecond=0)
        day = hour.replace(hour=0)
        return Used(day=sum(at >= day for at in mine), hour=sum(at >= hour for at in mine))

    for act, number, receiver in moves:
        if act == "give":
            until = now + timedelta(minutes=number)
            given = book.give(asked(number, receiver, expires_at=until), now=now)
            assert given.messages <= number
            assert len({key for key, _ in given.to}) == len(given.to)
            assert (given.messages == number) or given.held
            hands += [Held(key, receiver, count, until) for key, count in given.to]
        elif act == "send":
            for hand in hands:
                count = min(hand.left, number) if hand.until >= now else 0
                hand.left -= count
                sent += [(hand.key, hand.receiver, now)] * count
        elif act == "rest":
            now += timedelta(minutes=number)
        else:
            seen = [
                replace(
                    one,
                    used=used(one.key, None, lag=LAG),
                    receivers={name: used(one.key, name, lag=LAG) for name in ("google", "yahoo")},
                )
                for one in members
            ]
            book.refresh(pool(*seen), now=now)
        for one in members:
            assert used(one.key, None).day <= CAP.day
            assert used(one.key, None).hour <= CAP.hour
            assert used(one.key, "google").day <= CAP.receiver


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
    st.lists(st.booleans(), min_size=2, max_size=12),
)
def test_turns_are_fair_and_sums_are_right(sizes: list[int], fits: list[bool]) -> None:
    members = [member(n, against=() if fits[n] else ("OPERATOR",)) for n in range(len(fits))]
    book = ledger(pool(*members))
    total: Counter[str] = Counter()
    fit = [one.node_id for one in members if not one.against]
    for messages in sizes:
        given = book.give(asked(messages, "a.example"), now=NOON)
        room = 800 * len(fit) - sum(total.values())
        assert given.messages == min(messages, room)
        total.update(by_node(given))
        assert set(total) <= set(fit)
        if fit:
            assert max(total.values()) - min(total[one] for one in fit) <= 1
