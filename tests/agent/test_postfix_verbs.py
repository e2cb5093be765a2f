"""The helper's protocol: every message comes back as it went, everything else is refused."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.postfix import verbs
from agent.postfix.verbs import Message, Refused

if TYPE_CHECKING:
    from agent.postfix.verbs import Value

OBSERVED: "dict[str, Value]" = {
    "running": True,
    "version": "3.7.11",
    "outbound": ("google", "smtp"),
    "deferred": (),
    "paused": False,
    "config_changed_us": 1_795_347_091_479_509,
    "qmgr_started_us": None,
}
OBSERVED_BYTES = b"""mailfleet-helper 1 observed
running=yes
version=3.7.11
outbound=google,smtp
deferred=
paused=no
config_changed_us=1795347091479509
qmgr_started_us=
"""

NAME = st.text(sorted(verbs.NAME_CHARACTERS), min_size=1, max_size=verbs.NAME_BYTES_MAX)
COUNT = st.integers(0, verbs.COUNT_MAX)
VALUES: dict[str, "st.SearchStrategy[Value]"] = {
    verbs.FLAG: st.booleans(),
    verbs.COUNT: COUNT,
    verbs.MAYBE_COUNT: st.none() | COUNT,
    verbs.NAME: NAME,
    verbs.NAMES: st.lists(NAME, max_size=20).map(tuple),
    verbs.TEXT: st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=500),
}


def messages(table: dict[str, verbs.Fields]) -> st.SearchStrategy[Message]:
    return st.one_of([of_kind(kind, fields) for kind, fields in table.items()])


def of_kind(kind: str, fields: verbs.Fields) -> st.SearchStrategy[Message]:
    values = st.fixed_dictionaries({field: VALUES[form] for field, form in fields.items()})
    return values.map(lambda found: Message(kind, found))


@given(messages(verbs.ANSWERS))
def test_an_answer_comes_back_as_it_went(message: Message) -> None:
    again = verbs.decode_answer(verbs.encode_answer(message))
    assert (again.kind, again.values) == (message.kind, message.values)


@pytest.mark.parametrize("verb", verbs.REQUESTS)
def test_a_request_comes_back_as_it_went(verb: str) -> None:
    datagram = verbs.encode_request(Message(verb))
    assert datagram == f"mailfleet-helper 1 {verb}\n".encode()
    assert verbs.decode_request(datagram).kind == verb


def test_the_bytes_of_an_answer_stay_what_they_are() -> None:
    assert verbs.encode_answer(Message("observed", OBSERVED)) == OBSERVED_BYTES
    assert verbs.decode_answer(OBSERVED_BYTES).values == OBSERVED


@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(Refused):
        verbs.decode_request(noise)
    with pytest.raises(Refused):
        verbs.decode_answer(noise)


@given(
    st.integers(0, len(OBSERVED_BYTES) - 1),
    st.sampled_from([b"", b"\0", b"\n", b"\r\n", b" ", b"=", b",", b"0", b"x", b"\xff"]),
)
def test_a_changed_byte_is_refused_or_means_what_it_says(place: int, byte: bytes) -> None:
    changed = OBSERVED_BYTES[:place] + byte + OBSERVED_BYTES[place + 1 :]
    try:
        message = verbs.decode_answer(changed)
    except Refused:
        return
    assert verbs.encode_answer(message) == changed


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\n",
        b"observe\n",
        b"mailfleet-helper 1 observe",
        b"mailfleet-helper 1 observe\n\n",
        b"mailfleet-helper 1 observe\n ",
        b"mailfleet-helper 1  observe\n",
        b"mailfleet-helper 2 observe\n",
        b"mailfleet-helper 1 Observe\n",
        b"mailfleet-helper 1 flush\n",
        b"mailfleet-helper 1 \n",
        b"mailfleet-helper 1 pause\nnames=smtp\n",
        b"mailfleet-helper 1 pause\npath=/etc/shadow\n",
        b"mailfleet-helper 1 pause\nmailfleet-helper 1 pause\n",
        b"mailfleet-helper 1 observed\n",
        b"mailfleet-helper 1 observe\n" + b"x" * verbs.REQUEST_BYTES_MAX,
        "mailfleet-helper 1 observé\n".encode(),
    ],
)
def test_what_is_not_a_request_is_refused(datagram: bytes) -> None:
    with pytest.raises(Refused):
        verbs.decode_request(datagram)


@pytest.mark.parametrize(
    "old, new",
    [
        (b"running=yes", b"running=true"),
        (b"running=yes", b"running="),
        (b"version=3.7.11", b"version="),
        (b"version=3.7.11", b"version=3 7"),
        (b"version=3.7.11", b"version=" + b"1" * 129),
        (b"outbound=google,smtp", b"outbound=google,,smtp"),
        (b"outbound=google,smtp", b"outbound=google, smtp"),
        (b"outbound=google,smtp", b"outbound=$smtp"),
        (b"outbound=google,smtp", b"outbound=" + b",".join([b"a"] * 1025)),
        (b"outbound=google,smtp\n", b""),
        (b"deferred=", b"deferred=,"),
        (b"deferred=", b"deferrals="),
        (b"us=1795347091479509", b"us="),
        (b"us=1795347091479509", b"us=01795347091479509"),
        (b"us=1795347091479509", b"us=-1"),
        (b"us=1795347091479509", b"us=1e9"),
        (b"us=1795347091479509", b"us=9223372036854775808"),
        (b"us=1795347091479509", b"us=" + b"9" * 5000),
        (b"qmgr_started_us=\n", b"qmgr_started_us=\nextra=1\n"),
        (b"observed\n", b"observed\nobserved=1\n"),
    ],
)
def test_an_answer_that_is_off_by_a_little_is_refused(old: bytes, new: bytes) -> None:
    assert old in OBSERVED_BYTES
    with pytest.raises(Refused):
        verbs.decode_answer(OBSERVED_BYTES.replace(old, new, 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"running": 1},
        {"version": "3.7 11"},
        {"outbound": ("smtp", "a b")},
        {"outbound": ["smtp"]},
        {"outbound": ("smtp\n",)},
        {"config_changed_us": -1},
        {"config_changed_us": True},
        {"config_changed_us": None},
        {"qmgr_started_us": 2**63},
        {"extra": 1},
    ],
)
def test_values_that_have_no_place_are_not_sent(changes: "dict[str, Value]") -> None:
    message = Message("observed", OBSERVED | changes)
    with pytest.raises(Refused):
        verbs.encode_answer(message)


def test_a_datagram_has_a_limit() -> None:
    names = tuple("a" * 120 for _ in range(1000))
    with pytest.raises(Refused, match="limit"):
        verbs.encode_answer(Message("observed", OBSERVED | {"outbound": names}))


def test_a_problem_is_made_printable_and_cut() -> None:
    found = verbs.problem("fatal:\r\n\tno\0 file \x1b[31mé " + "x" * 1000, retryable=True)
    text = found.text("text")
    assert text.startswith("fatal: no file [31m xxx")
    assert len(text) == verbs.TEXT_BYTES_MAX
    assert verbs.decode_answer(verbs.encode_answer(found)).text("text") == text
