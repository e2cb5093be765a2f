"""Lines into events: the corpus, the ways the log can be cut, and anything at all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.maillog import parse
from agent.maillog.lines import is_nearby
from agent.maillog.parse import Delivery, Expiry, Reload
from deliverability import receivers, replies
from tests.fuzz.maillog_targets import as_counted

CORPUS = Path(__file__).parents[1] / "corpus/maillog/lines.tsv"


def rows() -> list[tuple[str, bytes]]:
    """What is expected, and the line as it stood in a log."""
    pairs = [row.split(b"\t", 1) for row in CORPUS.read_bytes().splitlines()]
    return [(expected.decode(), line) for expected, line in pairs]


ROWS = rows()


def told(line: bytes) -> str:
    """In the corpus's words: outcome and receiver, or what else the line was."""
    parsed = parse.parse_chunk(line + b"\n")
    if parsed.unparsed:
        return "unparsed"
    if parsed.unknown:
        return "unknown"
    if parsed.foreign:
        return "foreign"
    (event,) = (
        *parsed.events,
        *parsed.accepted,
        *parsed.queued,
        *parsed.shared,
        *parsed.removed,
        None,
    )[:1]
    if isinstance(event, Reload):
        return "start" if event.is_start else "reload"
    if not isinstance(event, (Delivery, Expiry)):
        return type(event).__name__.lower() if event is not None else "nothing"
    if isinstance(event, Expiry):
        return "expired unknown"
    outcome = replies.outcome_of(event.daemon, status=event.status, text=event.text)
    assert outcome is not None
    return f"{outcome.value} {receiver(event)}"


def receiver(event: Delivery) -> str:
    """By the relay's name, else by the recipient's domain."""
    at_home = event.daemon in (b"local", b"virtual", b"discard", b"pipe")
    if at_home or is_nearby(event.relay):
        return receivers.LOCAL
    host = event.relay.partition(b"[")[0].decode()
    by_relay = receivers.receiver_of(relay_host=host, recipient_domain="")
    if by_relay != receivers.UNKNOWN:
        return by_relay
    domain = event.recipient.decode().rpartition("@")[2] if b"@" in event.recipient else ""
    return receivers.receiver_of(relay_host="", recipient_domain=domain)


@pytest.mark.parametrize("number, expected, line", [(n, *row) for n, row in enumerate(ROWS, 1)])
def test_the_corpus(number: int, expected: str, line: bytes) -> None:
    assert told(line) == expected, f"line {number} of {CORPUS.name}"


def test_every_line_of_the_corpus_is_alone_what_it_is_among_others() -> None:
    chunk = b"".join(line + b"\n" for _, line in ROWS)
    together = parse.parse_chunk(chunk)
    alone = [parse.parse_chunk(line + b"\n") for _, line in ROWS]
    assert together.events == [event for parsed in alone for event in parsed.events]
    assert together.unparsed == sum(parsed.unparsed for parsed in alone) > 0


def test_the_fields_of_a_delivery() -> None:
    line = (
        b'Nov 22 09:33:50 mx1 postfix-out/smtp[1701]: 4cB1Gk2zTMz9sWZ: to=<"a, b"@x.example>,'
        b" orig_to=<c@y.example>, relay=mx.example.net[203.0.113.5]:25, conn_use=2, delay=1.2,"
        b" delays=0.08/0.01/0.4/0.7, tls=may, dsn=4.7.1, status=deferred (host said: (x) y)"
    )
    assert parse.parse_line(line) == Delivery(
        stamp=b"Nov 22 09:33:50 mx1 ",
        instance=b"postfix-out",
        daemon=b"smtp",
        queue_id=b"4cB1Gk2zTMz9sWZ",
        recipient=b'"a, b"@x.example',
        relay=b"mx.example.net[203.0.113.5]:25",
        delay=b"1.2",
        delays=b"0.08/0.01/0.4/0.7",
        dsn=b"4.7.1",
        status=b"deferred",
        text=b"host said: (x) y",
    )


def test_pairs_in_another_order_give_the_same_event() -> None:
    head = b"Nov 22 09:33:50 mx1 postfix/smtp[1]: 4cB1Gk2zTMz9sWZ: "
    usual = head + (
        b"to=<a@x.example>, relay=mx.example.net[203.0.113.5]:25, delay=1, delays=0/0/0.5/0.5,"
        b" dsn=2.0.0, status=sent (250 ok)"
    )
    other = head + (
        b"dsn=2.0.0, delays=0/0/0.5/0.5, new=thing, relay=mx.example.net[203.0.113.5]:25, delay=1,"
        b" to=<a@x.example>, status=sent (250 ok)"
    )
    assert parse.parse_line(usual) == parse.parse_line(other) is not None


def test_every_way_of_cutting_a_delivery_short_is_nothing_or_the_same_outcome() -> None:
    line = ROWS[0][1]
    for length in range(len(line)):
        event = parse.parse_line(line[:length])
        assert event is None or (isinstance(event, Delivery) and event.status == b"sent")


def test_a_line_over_the_bound_is_nobodys_delivery() -> None:
    line = ROWS[0][1][:-1] + b"x" * parse.LINE_BYTES_MAX + b")"
    assert parse.parse_chunk(line + b"\n" + ROWS[0][1] + b"\n").events == [
        parse.parse_line(ROWS[0][1])
    ]


def test_a_message_that_expired_names_its_queue_id() -> None:
    line = (
        b"Nov 22 09:33:50 mx1 postfix/qmgr[5]: 585BC3F: from=<>, status=expired, returned to sender"
    )
    assert parse.parse_line(line) == Expiry(b"Nov 22 09:33:50 mx1 ", b"585BC3F", b"postfix")


@pytest.mark.parametrize(
    "stamp",
    [b"", b"mx1 ", b"a::b mx1 ", b": mx1 ", b":: ", b"Nov 22 09:33:50 mx1 ", b"[x] (y* mx+ "],
)
def test_lines_are_read_in_bulk_whatever_stands_before_them(stamp: bytes) -> None:
    line = stamp + ROWS[0][1].partition(b" mx1 ")[2]
    parsed = parse.parse_chunk((line + b"\n") * 100)
    alone = parse.parse_line(line)
    assert parsed.events == [alone] * (100 if alone is not None else 0)
    assert parsed.foreign == (0 if alone is not None else 100)


@pytest.mark.parametrize(
    "relay", [b"a,b", b'"', b"a>b", b"a\tb", b"a\rb", b"", b"x,dsn=1", b"a\nb"]
)
@pytest.mark.parametrize("recipient", [b"a@b", b'"a>,b"@c', b'a"b@c', b"a>b@c", b"\t", b"", b"a\n"])
def test_unusual_values_are_read_alike_among_many_lines_and_alone(
    relay: bytes, recipient: bytes
) -> None:
    odd = b"Nov 22 09:33:50 mx1 postfix/smtp[1]: 4cB1: to=<%b>, relay=%b, delay=1, delays=0/0/1/0,"
    odd = odd % (recipient, relay) + b" dsn=2.0.0, status=sent (250 ok)\n"
    usual, gone = ROWS[0][1] + b"\n", b"Nov 22 09:33:50 mx1 postfix/qmgr[1]: 4cB1: removed\n"
    other = b"Nov 22 09:33:50 mx1 pop3d[1]: removed\nNov 22 09:33:50 mx1 sshd[1]: x\n"
    chunk = usual * 50 + odd + gone + other
    alone = [parse.parse_chunk(line + b"\n") for line in chunk.split(b"\n")]
    for read in (parse.parse_chunk, parse.parse_counted):
        together = read(chunk)
        events = [event for one in alone for event in one.events]
        assert as_counted(together.events) == as_counted(events)
        assert together.events == events or read is parse.parse_counted
        assert list(together.removed) == [(b"postfix", b"4cB1")]
        assert together.unparsed == sum(one.unparsed for one in alone)


def test_what_the_queue_manager_defers_untried_is_read_among_many_lines() -> None:
    line = b"Nov 22 09:33:50 mx1 postfix/qmgr[5]: 7EE6: to=<u@example.com>, relay=none, delay=63,"
    line += b" delays=63/0/0/0, dsn=4.3.0, status=deferred (mail transport unavailable)\n"
    assert parse.parse_counted(line * 50).events == [parse.parse_line(line[:-1])] * 50


PIECES = st.sampled_from(
    [
        *(b"postfix/smtp[1]: ", b"4cB1Gk2zTMz9sWZ: ", b"to=<a@b.example>, ", b"to=", b'"', b"\\"),
        *(b"relay=none, ", b"relay=x[1.2.3.4]:25, ", b"delay=1, ", b"delays=0/0/1/2, ", b"<", b">"),
        *(
            b"dsn=2.0.0, ",
            b" status=sent (250 ok)",
            b" status=",
            b"\n",
            b"\0",
            b"]: ",
            b" -- version ",
        ),
        *(b"postfix/master[2]: ", b"reload", b"postfix/qmgr[3]: ", b"from=<>, ", b", ", b"=", b" "),
    ]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=40).map(b"".join))
def test_no_bytes_raise(data: bytes) -> None:
    parse.parse_line(data)
    parsed = parse.parse_chunk(data + b"\n")
    facts = [*parsed.events, *parsed.accepted, *parsed.queued, *parsed.shared, *parsed.removed]
    told = len(facts) + parsed.unparsed + parsed.foreign + sum(parsed.unknown.values())
    assert told <= data.count(b"\n") + 1


@given(st.lists(st.sampled_from([line for _, line in ROWS]), max_size=30))
def test_a_log_is_the_sum_of_its_lines(lines: list[bytes]) -> None:
    together = parse.parse_chunk(b"".join(line + b"\n" for line in lines))
    alone = [event for line in lines if (event := parse.parse_line(line)) is not None]
    assert together.events == alone


def test_shared_lines_parse_and_agree(shared: Path) -> None:
    """The owners' lines of delivering daemons: our status is theirs, none is unparsed."""
    cases = [
        (path.name.split("_")[0], *_case(path.read_text()))
        for path in sorted((shared / "data/postfix-lines").glob("*.yaml"))
        if path.name.split("_")[0]
        in {"smtp", "lmtp", "local", "virtual", "pipe", "error", "discard"}
    ]
    assert len(cases) > 15
    seen = 0
    for daemon, data, status in cases:
        line = f"Nov 22 09:33:50 mx1 postfix/{daemon}[1]: {data}\n".encode()
        parsed = parse.parse_chunk(line)
        assert not parsed.unparsed, data
        told_status = [
            event.status.decode() for event in parsed.events if isinstance(event, Delivery)
        ]
        assert told_status == ([status] if status and "to=" in data else []), data
        seen += len(told_status)
    assert seen >= 8


def _case(text: str) -> tuple[str, str]:
    """The data line and the expected status of one small YAML file."""
    fields = dict(
        line.strip().split(": ", 1) for line in text.splitlines() if ": " in line and line.strip()
    )
    data = fields["data"]
    if data.startswith('"'):
        data = data[1:-1].replace('\\"', '"')
    return data, fields.get("postfix_status", "")
