"""The set of deferred recipients: a set like any other, small, and bounded."""

import random
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.maillog import histogram, recipients
from agent.maillog.recipients import OpenRecipients, hash_of, message_of
from deliverability import delays

# Few messages and few recipients, so that chains are long and gaps are closed over their ends.
HASHES = st.builds(
    lambda message, one: (message << 32) | one,
    st.integers(2**32 - 6, 2**32 - 1) | st.integers(0, 4),
    st.integers(1, 6),
)


STEPS = st.lists(st.tuples(st.sampled_from(["add", "discard", "message"]), HASHES), max_size=80)


@given(STEPS)
def test_it_is_a_set(steps: list[tuple[str, int]]) -> None:
    is_a_set(steps)


@given(STEPS)
def test_it_is_a_set_where_messages_have_tables_of_their_own(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, early in {"ROW_LONG": 1, "CROWD_MIN": 2, "CROWD_LEFT_MAX": 1}.items():
            patch.setattr(recipients, name, early)
        patch.setattr(recipients, "_CROWD_SLOTS_MIN", 4)
        is_a_set(steps)


def is_a_set(steps: list[tuple[str, int]]) -> None:
    ours, truth = OpenRecipients(), set[int]()
    for step, one in steps:
        if step == "add":
            assert ours.add(one)
            truth.add(one)
        elif step == "discard":
            assert ours.discard(one) == (one in truth)
            truth.discard(one)
        else:
            message = one >> 32 << 32
            mine = {other for other in truth if other >> 32 == one >> 32}
            assert ours.has_message(message) == bool(mine)
            assert set(ours.discard_message(message)) == mine
            truth -= mine
    assert (set(ours), len(ours)) == (truth, len(truth))
    assert all(one in ours for one in truth)


def test_hashes_are_of_message_and_recipient() -> None:
    one = message_of(b"postfix", queue_id=b"4cB1Gk2zTMz9sWZ")
    assert one != message_of(b"postfix-out", queue_id=b"4cB1Gk2zTMz9sWZ")
    assert hash_of(one, b"a@b.example") != hash_of(one, b"b@b.example")
    assert hash_of(one, b"a@b.example") >> 32 == one >> 32
    # Stored, so the same for ever.
    assert hash_of(message_of(b"p", queue_id=b"q"), b"r") == 0x8CB2F0E8_6C09FF9D


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipients, "OPEN_MAX", 3)
    ours = OpenRecipients()
    assert [ours.add(one << 32 | 1) for one in range(5)] == [True, True, True, False, False]
    assert ours.add(1)
    ours.discard(1)
    assert ours.add(9 << 32 | 1)


def test_half_a_million_take_eight_megabytes() -> None:
    some = random.Random(7)
    hashes = {some.getrandbits(64) | 1 for _ in range(100_000)}
    tracemalloc.start()
    ours = OpenRecipients(hashes)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A fifth of them: 2^18 slots, and the half of that while it grew.
    assert held < 2_300_000
    assert peak < 3_400_000
    assert len(ours) == len(hashes)


DELAYS = [b"0/0/0/0", b"1/2/3/4", b"0.01/3/5/99", b"1", b"1/2", b"1/2/3", b"1/2/3/4/5", b"", b"/"]


def is_time(text: bytes) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


@given(
    st.lists(st.tuples(*[st.sampled_from(DELAYS) | st.binary(max_size=9)] * 2), max_size=6),
)
def test_whatever_stands_there_only_times_count(pairs: list[tuple[bytes, bytes]]) -> None:
    texts = [histogram.text_of(whole, delays=parts) for whole, parts in pairs]
    found = histogram.add((), histogram.places(texts))
    counted = sum(
        is_time(whole) and parts.count(b"/") == 3 and all(map(is_time, parts.split(b"/")))
        for whole, parts in pairs
    )
    assert [sum(part) for part in found] == ([counted] * len(delays.PARTS) if found else [])
    assert found or not counted


def test_histograms_add_up() -> None:
    text = histogram.text_of(b"100000", delays=b"0.01/0.02/5/99999")
    once = histogram.add((), histogram.places([text]))
    twice = histogram.add(once, histogram.places([text]))
    assert histogram.add((), histogram.places([text, text])) == twice
    whole, before, queue, connect, transmit = twice
    assert (whole[23], before[0], queue[1], connect[11], transmit[23]) == (2, 2, 2, 2, 2)


def test_quantiles_and_shares() -> None:
    counts = [0] * delays.BUCKETS
    assert delays.quantile(counts, 0.5) is None
    assert delays.share_within(counts, 300) is None
    counts[delays.bucket_of(0.3)] = 95
    counts[delays.bucket_of(1e9)] = 5
    assert delays.quantile(counts, 0.95) == 0.3
    assert delays.quantile(counts, 0.96) == float("inf")
    assert delays.share_within(counts, 300) == 0.95
    assert delays.share_within(counts, 250) == 0.95


def test_a_message_of_very_many_costs_as_little() -> None:
    """Each of them found by a walk over half of the others would take minutes."""
    big, small = (message_of(b"postfix", queue_id=one) for one in (b"BIG", b"SMALL"))
    many = [hash_of(big, b"u%d@x.example" % n) for n in range(50_000)]
    stays = hash_of(small, b"u@x.example")
    ours = OpenRecipients([stays])
    began = time.process_time()
    assert all(map(ours.add, many))
    assert all(one in ours for one in many)
    assert ours.has_message(big)
    assert all(map(ours.discard, many[::2]))
    assert set(ours.discard_message(big)) == set(many[1::2])
    assert time.process_time() - began < 4
    assert (list(ours), len(ours)) == ([stays], 1)


def test_of_very_many_few_are_left() -> None:
    """What one message needed is given back, whether it leaves or not."""
    tracemalloc.start()
    ours = OpenRecipients()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(10):
        message = message_of(b"postfix", queue_id=b"%d" % number)
        many = [hash_of(message, b"u%d@x.example" % n) for n in range(300)]
        assert all(map(ours.add, many))
        assert all(map(ours.discard, many[:-1]))
        del many
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ours) == 10
    assert held - before < 10_000


def test_many_messages_of_some_recipients_each() -> None:
    messages = [message_of(b"postfix", queue_id=b"%d" % number) for number in range(5_000)]
    many = [hash_of(one, b"u%d@x.example" % n) for n in range(10) for one in messages]
    ours = OpenRecipients()
    began = time.process_time()
    assert all(map(ours.add, many))
    assert all(map(ours.has_message, messages))
    assert sum(len(list(ours.discard_message(one))) for one in ours.perhaps(messages)) == 50_000
    assert time.process_time() - began < 4
    assert not len(ours)
