"""The bytes of a question, and the replies in what comes back, sane or not."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.dnsbl import codec
from deliverability import zones
from deliverability.zones import QueryName, Reply, ZoneKey

NAME = zones.query_name(zones.ZEN, "10.0.0.5", key=ZoneKey("abc123"))
TEXT = NAME.reveal()
ASKED = codec.question(NAME)
QUERY = codec.encode(4711, ASKED)


def response(*records: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    """`records`: lines of a zone file."""
    built = dns.message.make_response(dns.message.from_wire(QUERY))
    built.set_rcode(rcode)
    for line in records:
        name, ttl, klass, kind, *data = line.split()
        built.answer.append(dns.rrset.from_text(name, int(ttl), klass, kind, " ".join(data)))
    return built.to_wire()


def test_the_query_is_what_dnspython_reads() -> None:
    query = dns.message.from_wire(QUERY)
    assert query.id == 4711
    assert query.flags == dns.flags.RD
    assert query.question[0].to_text() == f"{TEXT}. IN A"
    assert (query.edns, query.payload, query.options) == (0, 1232, ())


@pytest.mark.parametrize(
    "message, reply",
    [
        (response(rcode=dns.rcode.NXDOMAIN), Reply(is_nxdomain=True)),
        (response(rcode=dns.rcode.SERVFAIL), Reply(problem="SERVFAIL")),
        (response(rcode=dns.rcode.REFUSED), Reply(problem="REFUSED")),
        (response(rcode=dns.rcode.FORMERR), Reply(problem="FORMERR")),
        (response(rcode=dns.rcode.YXDOMAIN), Reply(problem="rcode 6")),
        (response(), Reply()),
        (response(f"{TEXT}. 5 IN A 127.0.0.4"), Reply(addresses=("127.0.0.4",))),
        (
            response(f"{TEXT}. 5 IN A 127.0.0.10", f"{TEXT}. 5 IN A 127.0.0.2"),
            Reply(addresses=("127.0.0.2", "127.0.0.10")),
        ),
        (response(f"{TEXT}. 5 IN TXT 127.0.0.2"), Reply()),
        (response("other.example. 5 IN A 127.0.0.2"), Reply()),
        (
            response(f"{TEXT}. 5 IN CNAME a.example.", "a.example. 5 IN A 127.0.0.2"),
            Reply(addresses=("127.0.0.2",)),
        ),
        (
            response(f"{TEXT}. 5 IN CNAME a.example.", f"a.example. 5 IN CNAME {TEXT}."),
            Reply(problem="malformed answer"),
        ),
        (response(f"{TEXT}. 5 IN A 127.0.0.4")[:-2], Reply(problem="malformed answer")),
    ],
)
def test_replies(message: bytes, reply: Reply) -> None:
    assert codec.identity(message) == 4711
    assert codec.echoes(message, asked=ASKED)
    assert codec.decode(message) == reply


def test_what_does_not_echo_our_question() -> None:
    other = codec.encode(4711, codec.question(zones.query_name(zones.ZEN, "10.0.0.6")))
    assert codec.echoes(QUERY, asked=ASKED)
    assert codec.echoes(QUERY.replace(b"spamhaus", b"SpamHaus"), asked=ASKED)
    assert not codec.echoes(other, asked=ASKED)
    assert not codec.echoes(QUERY[:12], asked=ASKED)
    assert not codec.echoes(QUERY[:4] + b"\x00\x02" + QUERY[6:], asked=ASKED)


@pytest.mark.parametrize(
    "message", [b"", QUERY[:11], QUERY, QUERY[:2] + b"\xa8\x00" + QUERY[4:]], ids=len
)
def test_what_is_no_response(message: bytes) -> None:
    assert codec.identity(message) is None


def test_a_bad_name_is_refused_without_being_quoted() -> None:
    with pytest.raises(ValueError, match=r"^not a domain name$"):
        codec.question(QueryName(shown="<key>", revealed="a..b"))


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255))
def test_no_bytes_make_it_raise(tail: bytes, low_flags: int, answers: int) -> None:
    head = QUERY[:2] + bytes([0x81, low_flags]) + b"\x00\x01\x00" + bytes([answers])
    message = head + b"\x00\x00\x00\x00" + ASKED + tail
    reply = codec.decode(message)
    assert bool(reply.problem) + reply.is_nxdomain + bool(reply.addresses) <= 1
    assert "abc123" not in repr(reply)
