"""The bytes of a question, and the replies in what comes back, sane or not."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
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
    return built.to_wire(max_size=65_535)


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


def negative(ttl: int, minimum: int) -> bytes:
    built = dns.message.make_response(dns.message.from_wire(QUERY))
    built.set_rcode(dns.rcode.NXDOMAIN)
    soa = f"ns.example. hostmaster.example. 1 600 300 86400 {minimum}"
    built.authority.append(dns.rrset.from_text("zen.spamhaus.org.", ttl, "IN", "SOA", soa))
    return built.to_wire()


@pytest.mark.parametrize(
    "message, seconds",
    [
        (response(f"{TEXT}. 60 IN A 127.0.0.4"), 60),
        (response(f"{TEXT}. 60 IN CNAME a.example.", "a.example. 7 IN A 127.0.0.2"), 7),
        (negative(ttl=900, minimum=150), 150),
        (negative(ttl=30, minimum=150), 30),
        (negative(ttl=30, minimum=150)[:-30], 0),
        (response(rcode=dns.rcode.NXDOMAIN), 0),
        (response(rcode=dns.rcode.SERVFAIL), 0),
    ],
)
def test_how_long_an_answer_may_be_kept(message: bytes, seconds: int) -> None:
    assert codec.decode(message).ttl_seconds == seconds


def test_a_name_that_does_not_exist_has_no_address() -> None:
    both = response(f"{TEXT}. 5 IN A 127.0.0.4", rcode=dns.rcode.NXDOMAIN)
    assert codec.decode(both) == Reply(problem="NXDOMAIN together with addresses")
    chain = response(f"{TEXT}. 5 IN CNAME a.example.", rcode=dns.rcode.NXDOMAIN)
    assert codec.decode(chain) == Reply(is_nxdomain=True)


def test_five_hundred_answers_are_a_problem() -> None:
    many = response(*(f"{TEXT}. 5 IN A 127.0.{n // 250}.{n % 250 + 2}" for n in range(500)))
    assert codec.decode(many) == Reply(problem="more than 32 answers")


def test_a_chain_without_end_is_cut() -> None:
    hops = [f"h{n}.example. 5 IN CNAME h{n + 1}.example." for n in range(40)]
    endless = response(f"{TEXT}. 5 IN CNAME h0.example.", *hops, "h40.example. 5 IN A 127.0.0.2")
    assert codec.decode(endless) == Reply(problem="malformed answer")


def test_a_name_that_points_at_itself_is_no_answer() -> None:
    plain = response(f"{TEXT}. 5 IN A 127.0.0.4")
    at = 12 + len(ASKED)
    loop = plain[:at] + (0xC000 | at).to_bytes(2, "big") + plain[at + 2 :]
    assert codec.decode(loop) == Reply(problem="malformed answer")
    absent = negative(ttl=30, minimum=150)
    looped = absent[:at] + (0xC000 | at).to_bytes(2, "big") + absent[at + 2 :]
    assert codec.decode(looped).is_nxdomain


def texts(*strings: str) -> bytes:
    asked = codec.encode(4711, codec.question_text(NAME))
    built = dns.message.make_response(dns.message.from_wire(asked))
    built.answer.append(dns.rrset.from_text(f"{TEXT}.", 5, "IN", "TXT", *strings))
    return built.to_wire()


@pytest.mark.parametrize(
    "message, said",
    [
        (texts('"one" "two"'), "onetwo"),
        (texts('"\\027[31m\\007 red\\013\\010"'), "[31m red"),
        (texts('"\\226\\128\\174rtl"'), "rtl"),
        (texts('"\\255\\254"'), "\ufffd\ufffd"),
        (texts(f'"{"x" * 250}" "{"x" * 250}"'), "x" * 199 + "…"),
        (response(rcode=dns.rcode.NXDOMAIN), ""),
    ],
)
def test_a_reason_is_bounded_and_harmless(message: bytes, said: str) -> None:
    assert zones.harmless(codec.decode_text(message).text) == said


@settings(deadline=None)  # a busy machine is no defect
@given(st.binary(max_size=600))
def test_no_tail_of_bytes_is_more_than_a_problem(tail: bytes) -> None:
    """A header and our question, then whatever a forger likes."""
    head = codec.encode(4711, ASKED)[: 12 + len(ASKED)]
    one, other = b"\x00\x01\x00\x00\x00\x00", b"\x00\x00\x00\x01\x00\x01"
    for counts in (one, other, tail[:6].ljust(6, b"\1")):
        for flags in (b"\x81\x80", b"\x81\x83"):
            message = head[:2] + flags + head[4:6] + counts + head[12:] + tail
            reply = codec.decode(message)
            assert 0 <= reply.ttl_seconds < 2**31
            assert len(reply.addresses) <= zones.ANSWERS_MAX
            text = zones.harmless(codec.decode_text(message).text)
            assert text.isprintable()
            assert len(text) <= zones.REASON_LENGTH_MAX


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=6), st.integers(0, 2**31 - 1))
def test_the_plain_shape_is_read_as_dnspython_reads_it(answers: list[int], ttl: int) -> None:
    found = sorted({"127." + ".".join(map(str, n.to_bytes(3, "big"))) for n in answers})
    message = response(*(f"{TEXT}. {ttl} IN A {one}" for one in found))
    reply = codec.decode(message)
    assert reply == codec._chained(message)
    assert reply.ttl_seconds == ttl
    assert sorted(reply.addresses) == found


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
