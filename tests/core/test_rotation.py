"""Shares, their steps, and the ledger of grants: never over a cap, never to who may not, fair."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core import capacity, rotation
from collector.core.ledger import Given, Ledger, Wanted
from collector.core.policy import Policy
from collector.core.rotation import Member, Rotation, Strategy, Used
from deliverability.ladders import Stage
from tests.core.fleet import NOON, POLICY

CAP = Stage(day=50, hour=20, receiver=30)


def member(number: int, **rest: object) -> Member:
    one = Member(node_id=f"n{number}", node=f"mx{number}", ip=f"192.0.2.{number}", share=1000)
    return replace(one, **rest)  # type: ignore[arg-type]


def pool(*members: Member, strategy: Strategy = Strategy.ROUND_ROBIN, **rest: object) -> Rotation:
    known = Rotation(
        pool_id="p1", pool="default", revision=1, strategy=strategy, region="", members=members
    )
    return replace(known, **rest)  # type: ignore[arg-type]


def ledger(seen: Rotation, *, now: datetime = NOON) -> Ledger:
    made = Ledger(POLICY)
    made.refresh(seen, now=now)
    return made


def asked(messages: int, receiver: str = "google", **rest: object) -> Wanted:
    known = Wanted(messages=messages, receiver=receiver, expires_at=NOON + timedelta(minutes=10))
    return replace(known, **rest)  # type: ignore[arg-type]


def by_node(given: Given) -> dict[str, int]:
    return {node_id: count for (node_id, _), count in sorted(given.to)}


@pytest.mark.parametrize(
    "one, weighed",
    [
        (member(1, cap=CAP), 2_000),
        (member(1, cap=CAP, score=50), 1_000),
        (member(1, cap=CAP, used=Used(day=45)), 500),
        (member(1, cap=CAP, used=Used(day=60)), 1),
        (member(1, best_hour=700), 70_000),
        (member(1), 10_000),
    ],
)
def test_a_share_is_what_is_left_times_reputation(one: Member, weighed: int) -> None:
    assert rotation.weight(one, Strategy.WEIGHTED) == weighed
    assert rotation.weight(one, Strategy.ROUND_ROBIN) == rotation.EVEN_WEIGHT


def test_shares_begin_at_their_targets_and_move_by_bounded_steps() -> None:
    fresh = pool(member(1, cap=CAP, share=0), member(2, best_hour=40, share=0))
    weighed = replace(fresh, strategy=Strategy.WEIGHTED)
    assert rotation.shares(weighed, POLICY) == {
        ("n1", "192.0.2.1"): 2_000,
        ("n2", "192.0.2.2"): 4_000,
    }
    assert set(rotation.shares(fresh, POLICY).values()) == {rotation.EVEN_WEIGHT}
    newcomer = member(2, best_hour=40, share=0)
    later = pool(member(1, cap=CAP, share=2_000), newcomer, strategy=Strategy.WEIGHTED)
    assert rotation.shares(later, POLICY) == {newcomer.key: 1_000}


def test_one_that_may_not_send_keeps_its_share_and_counts_for_nothing() -> None:
    out = member(1, share=900, against=("LISTED",), best_hour=1)
    seen = pool(out, member(2, share=300), member(3, share=100), strategy=Strategy.WEIGHTED)
    assert out.key not in rotation.shares(seen, POLICY)
    assert list(rotation.ratios(seen.members)) == [0.0, 0.75, 0.25]
    assert list(rotation.ratios([out])) == [0.0]


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.floats(0.05, 1), st.floats(0, 0.5))
def test_a_step_is_bounded_and_comes_near(share: int, target: int, by: float, still: float) -> None:
    policy = Policy(share_step=by, share_still=still)
    seen = {share}
    for _ in range(1_000):
        after = rotation.step(share, target=target, policy=policy)
        assert abs(after - share) <= max(1, by * max(share, target))
        assert min(share, target) <= after <= max(share, target)
        if after == share:
            break
        assert after not in seen
        seen.add(after)
        share = after
    assert abs(share - target) <= max(still * max(share, target), 0)


@pytest.mark.parametrize("attempts, cap, load", [(0, 20, 0), (7, 20, 35), (30, 20, 150), (9, 0, 0)])
def test_load_is_of_the_cap(attempts: int, cap: int, load: int) -> None:
    assert capacity.current_load(attempts, hour_cap=cap or None) == load


def test_capacity_is_the_cap_or_the_best_hour() -> None:
    assert capacity.per_hour(hour_cap=20, best_hour=900) == 20
    assert capacity.per_hour(hour_cap=None, best_hour=900) == 900
    assert capacity.per_hour(hour_cap=None, best_hour=0) == capacity.UNKNOWN_PER_HOUR


@pytest.mark.parametrize(
    "day, hour, there, left, word",
    [
        (0, 0, 0, 20, "hour's"),
        (45, 0, 0, 5, "day's cap of the sending domain is"),
        (25, 0, 25, 5, "there"),
        (60, 5, 0, 0, "day's cap of the sending domain is"),
    ],
)
def test_of_a_sending_domains_caps_the_least_binds(
    day: int, hour: int, there: int, left: int, word: str
) -> None:
    found, why = capacity.room(capacity.DomainUse(CAP, day=day, hour=hour, receiver=there))
    assert (found, word in why) == (left, True)


def test_equal_addresses_take_turns() -> None:
    book = ledger(pool(*(member(n) for n in range(1, 4))))
    total: Counter[str] = Counter()
    for messages in (1, 1, 2, 5, 7, 100, 1, 1):
        total.update(by_node(book.give(asked(messages), now=NOON)))
        assert max(total.values()) - min(total[f"n{n}"] for n in (1, 2, 3)) <= 1
    assert sum(total.values()) == 118


def test_weights_give_in_proportion() -> None:
    book = ledger(pool(member(1, share=300), member(2, share=100)))
    given = book.give(asked(400), now=NOON)
    assert by_node(given) == {"n1": 300, "n2": 100}
    assert given.held == ()


@pytest.mark.parametrize(
    "one, receiver, given, why",
    [
        (member(1, against=("LISTED",)), "google", 0, "LISTED"),
        (member(1, blocked=("google",)), "google", 0, "blocked by google"),
        (member(1, cap=CAP), "google", 20, "the hour's cap is reached"),
        (member(1, cap=CAP, used=Used(day=45)), "google", 5, "the day's cap is reached"),
        (
            member(1, cap=CAP, receivers={"google": Used(day=28)}),
            "google",
            2,
            "the limit for google is reached",
        ),
        (
            member(1, receivers={"microsoft": Used(hour=1_990)}),
            "microsoft",
            10,
            "the limit for microsoft is reached",
        ),
    ],
)
def test_no_cap_is_passed_and_who_may_not_gets_nothing(
    one: Member, receiver: str, given: int, why: str
) -> None:
    book = ledger(pool(one))
    answer = book.give(asked(100, receiver), now=NOON)
    assert (answer.messages, answer.held) == (given, ((why, 1),))


def test_when_none_may_send_it_says_so_and_never_the_least_bad() -> None:
    held = ledger(pool(member(1, against=("LISTED",)), member(2, against=("LISTED", "OPERATOR"))))
    answer = held.give(asked(5), now=NOON)
    assert (answer.to, answer.held) == ((), (("LISTED", 2), ("OPERATOR", 1)))
    assert ledger(pool()).give(asked(1), now=NOON).held == (("the pool has no address", 1),)
    stopped = ledger(pool(member(1), is_stopped=True)).give(asked(1), now=NOON)
    assert stopped.held == (("sending is stopped for the whole fleet", 1),)
    assert Ledger(POLICY).give(asked(100), now=NOON).to == ()


def test_a_region_comes_first_and_alone_when_asked() -> None:
    here, there = member(1, region="eu", cap=CAP), member(2, region="us")
    seen = pool(here, there, strategy=Strategy.REGION, region="eu")
    assert by_node(ledger(seen).give(asked(30), now=NOON)) == {"n1": 20, "n2": 10}
    assert by_node(ledger(seen).give(asked(10, region="us"), now=NOON)) == {"n2": 10}
    alone = ledger(seen).give(asked(30, region="eu", only_there=True), now=NOON)
    assert by_node(alone) == {"n1": 20}
    assert alone.held == (("in another region", 1), ("the hour's cap is reached", 1))


def test_a_grant_counts_until_it_is_over_and_told_of_then_with_what_was_sent() -> None:
    one = member(1, cap=CAP)
    book = ledger(pool(one))
    assert book.give(asked(20), now=NOON).messages == 20
    later = NOON + timedelta(minutes=12)
    book.refresh(pool(replace(one, used=Used(day=15, hour=15))), now=later)
    assert book.give(asked(20), now=later).messages == 0  # over, but perhaps not all told
    over = NOON + timedelta(minutes=13)
    book.refresh(pool(replace(one, used=Used(day=15, hour=15))), now=over)
    again = asked(20, expires_at=over + timedelta(minutes=5))
    assert book.give(again, now=over).messages == 5
    hour = NOON + timedelta(hours=1)
    assert book.give(replace(again, expires_at=hour), now=hour).messages == 15  # 5 still count


def test_what_leaves_without_a_grant_counts_too() -> None:
    one = member(1, cap=CAP)
    book = ledger(pool(one))
    assert book.give(asked(5), now=NOON).messages == 5
    book.refresh(pool(replace(one, used=Used(day=18, hour=18))), now=NOON)
    assert book.give(asked(20), now=NOON).messages == 2


def test_a_grant_that_was_not_kept_is_taken_back() -> None:
    book = ledger(pool(member(1, cap=CAP), member(2, cap=CAP)))
    wish = asked(40)
    given = book.give(wish, now=NOON)
    book.take_back(given, wish, unfit=[(("n1", "192.0.2.1"), "paused just now"), (("x", "y"), "")])
    again = book.give(wish, now=NOON)
    assert by_node(again) == {"n2": 20}
    assert ("paused just now", 1) in again.held
    book.refresh(pool(member(2, cap=CAP)), now=NOON)
    book.take_back(given, replace(wish, messages=0), unfit=())
    book.refresh(pool(member(1, cap=CAP)), now=NOON)
    assert book.give(wish, now=NOON).messages == 20


def test_grants_of_an_earlier_process_count_on_top_of_what_was_sent() -> None:
    one = member(1, cap=CAP, used=Used(day=5, hour=5))
    book = ledger(pool(one))
    book.restore(one.key, asked(10), now=NOON)
    book.restore(("gone", "x"), asked(10), now=NOON)
    assert book.give(asked(20), now=NOON).messages == 5


def test_who_is_ahead_waits() -> None:
    book = ledger(pool(member(1, share=1), member(2, share=1000)))
    assert by_node(book.give(asked(1, "a.example"), now=NOON)) == {"n1": 1}
    assert by_node(book.give(asked(700, "a.example"), now=NOON)) == {"n2": 700}


def test_a_newcomer_does_not_make_up_for_what_it_missed() -> None:
    first = member(1)
    book = ledger(pool(first))
    book.give(asked(300), now=NOON)
    book.refresh(pool(first, member(2)), now=NOON)
    assert by_node(book.give(asked(10), now=NOON)) == {"n1": 5, "n2": 5}


def test_a_new_day_begins_with_what_is_still_granted() -> None:
    book = ledger(pool(member(1, cap=CAP, used=Used(day=45))))
    late = NOON + timedelta(hours=11, minutes=58)
    book.refresh(pool(member(1, cap=CAP, used=Used(day=45))), now=late)
    wish = asked(20, expires_at=late + timedelta(minutes=10))
    assert book.give(wish, now=late).messages == 5
    midnight = NOON + timedelta(hours=12)
    assert book.give(replace(wish, messages=50), now=midnight).messages == 15


@pytest.mark.parametrize("receiver, parts", [("google", [0.0, 1.0]), ("yahoo", [0.5, 0.5])])
def test_towards_a_receiver_whom_it_blocks_has_no_share(receiver: str, parts: list[float]) -> None:
    seen = pool(member(1, blocked=("google",)), member(2))
    assert list(rotation.ratios(rotation.towards(seen, receiver).members)) == parts


@pytest.mark.parametrize(
    "members, stopped, held",
    [
        ([{}, {"against": ("LISTED",)}], False, False),
        ([{"against": ("LISTED",)}], False, True),
        ([{}], True, True),
        ([], False, True),
    ],
)
def test_mail_is_held_when_no_address_may_send(
    members: list[dict[str, object]], stopped: bool, held: bool
) -> None:
    found = pool(*(member(n, **more) for n, more in enumerate(members)))
    assert rotation.is_held(replace(found, is_stopped=stopped)) is held
