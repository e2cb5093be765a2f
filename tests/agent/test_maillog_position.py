"""The position's packed form: short, whole, refused when it is not ours."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.maillog.patterns import NAME_BYTES_MAX, SOURCES_MAX
from agent.maillog.position import (
    HEAD_BYTES,
    JournalPosition,
    LogPosition,
    Place,
    Position,
    Positions,
    digest,
    from_bytes,
)
from agent.wire_decode import POSITION_BYTES_MAX
from tests.maillog_bed import START

PACKED_BYTES_MAX = 128

positions = st.builds(
    LogPosition,
    device=st.integers(0, 2**64 - 1),
    inode=st.integers(0, 2**64 - 1),
    head_length=st.integers(1, HEAD_BYTES),
    head_digest=st.binary(min_size=32, max_size=32),
    offset=st.integers(0, 2**62),
    tail_digest=st.binary(min_size=32, max_size=32),
    mid_line=st.booleans(),
)


@given(positions)
def test_there_and_back(position: LogPosition) -> None:
    packed = position.to_bytes()
    assert len(packed) <= PACKED_BYTES_MAX
    assert LogPosition.from_bytes(packed) == position


@given(st.binary(max_size=140))
def test_anything_else_is_refused_or_a_position(packed: bytes) -> None:
    try:
        position = LogPosition.from_bytes(packed)
    except ValueError:
        return
    assert position.to_bytes() == packed


@pytest.mark.parametrize(
    "place, value", [(0, 2), (0, 0), (1, 2), (1, 255), (18, 255), (26, 5), (27, 1)]
)
def test_a_changed_header_is_refused(place: int, value: int) -> None:
    packed = bytearray(replace(LogPosition(), head_length=HEAD_BYTES, offset=7).to_bytes())
    packed[place] = value
    with pytest.raises(ValueError, match="position"):
        LogPosition.from_bytes(bytes(packed))


def test_an_offset_without_a_head_is_impossible() -> None:
    with pytest.raises(ValueError, match="impossible"):
        LogPosition.from_bytes(LogPosition(offset=1).to_bytes())


def test_the_head_grows() -> None:
    position = LogPosition().with_head(b"abc")
    assert (position.head_length, position.head_digest) == (3, sha256(b"abc").digest())
    assert digest(b"") == LogPosition().tail_digest


def test_all_places_fit_into_a_heartbeat() -> None:
    place = Place(position=LogPosition(), counted_to=START)
    names = (f"{number:02}" + "x" * (NAME_BYTES_MAX - 2) for number in range(SOURCES_MAX))
    several = Positions(by_name=dict.fromkeys(names, place))
    packed = several.to_bytes()
    assert len(packed) <= POSITION_BYTES_MAX
    assert from_bytes(packed) == several


places = st.builds(Place, position=positions, counted_to=st.just(START))
cursors = st.text("abcdef0123456789=;", max_size=200)
any_position: st.SearchStrategy[Position] = st.one_of(
    positions,
    st.builds(JournalPosition, cursor=cursors, at=st.just(START)),
    st.builds(Positions, by_name=st.dictionaries(st.text(max_size=20), places, max_size=3)),
)


@given(any_position)
def test_the_first_byte_says_which_it_is(position: Position) -> None:
    assert from_bytes(position.to_bytes()) == position


@given(st.integers(0, 4), st.binary(max_size=300))
def test_what_is_damaged_is_refused_or_a_position(first: int, rest: bytes) -> None:
    try:
        position = from_bytes(bytes((first,)) + rest)
    except ValueError:
        return
    assert from_bytes(position.to_bytes()) == position
