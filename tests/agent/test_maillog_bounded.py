"""What a log makes the agent remember is bounded in bytes, not only in number.

Names, replies and delays are written by remotes, by senders, and by any program that may log: tens
of thousands of long ones, none like another, leave next to nothing behind.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import pytest

from agent.maillog import parse
from agent.maillog.hosts import Hosts
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock

NOW = datetime(2026, 11, 22, 10, tzinfo=timezone.utc)
AT = b"2026-11-22T09:36:18.999383+00:00 mx "
LONG = b"z" * 8192
VALUES = 2000
CHUNK = 100
GROWTH_MAX = 2_500_000


def delivery(
    number: int,
    *,
    tag: bytes = b"postfix/smtp[7]",
    to: bytes = b"u@x.example",
    relay: bytes = b"mx.x.example[192.0.2.7]:25",
    delay: bytes = b"1",
    dsn: bytes = b"2.0.0",
    status: bytes = b"sent",
    text: bytes = b"250 ok",
) -> bytes:
    return AT + (
        b"%b: 4cB%dGk: to=<%b>, relay=%b, delay=%b, delays=0.1/0.2/0.3/0.4, dsn=%b, "
        b"status=%b (%b)\n" % (tag, number, to, relay, delay, dsn, status, text)
    )


def other(tag: bytes, body: bytes) -> bytes:
    return AT + tag + b": " + body + b"\n"


Line = Callable[[int, bytes], bytes]
LINES: dict[str, Line] = {
    "another program": lambda n, text: other(b"%b[7]" % text, b"hello"),
    "instance": lambda n, text: delivery(n, tag=b"postfix-%b/smtp[7]" % text),
    "instance queued": lambda n, text: other(
        b"postfix-%b/qmgr[7]" % text, b"4cB%d: from=<>, size=9, nrcpt=1 (queue active)" % n
    ),
    "queue id": lambda n, text: other(
        b"postfix/qmgr[7]", b"%b: from=<>, size=9, nrcpt=1 (queue active)" % text
    ),
    "sender": lambda n, text: other(
        b"postfix/qmgr[7]", b"4cB%d: from=<u@%b>, size=9, nrcpt=1 (queue active)" % (n, text)
    ),
    "relay": lambda n, text: delivery(n, relay=b"%b.example[192.0.2.7]:25" % text),
    "relay of a deferral": lambda n, text: delivery(
        n, relay=b"%b.example[192.0.2.7]:25" % text, status=b"deferred"
    ),
    "socket": lambda n, text: delivery(n, tag=b"postfix/lmtp[7]", relay=b"mx[/%b]" % text),
    "domain": lambda n, text: delivery(n, relay=b"none", to=b"u@%b.example" % text),
    "mailbox": lambda n, text: delivery(n, to=b"%b@x.example" % text, status=b"deferred"),
    "delay": lambda n, text: delivery(n, delay=b"1" * 4000 + b"%08d" % n),
    "dsn": lambda n, text: delivery(n, dsn=text, status=b"deferred"),
    "status": lambda n, text: delivery(n, status=text),
    "reply": lambda n, text: delivery(n, text=b"550 " + text, status=b"bounced"),
    "client": lambda n, text: other(
        b"postfix/smtpd[7]", b"4cB%d: client=%b[192.0.2.9]" % (n, text)
    ),
    "refused": lambda n, text: other(
        b"postfix/smtpd[7]", b"NOQUEUE: reject: RCPT from %b[192.0.2.9]: 554 no" % text
    ),
    "daemon": lambda n, text: other(b"postfix/%b[7]" % text, b"hello"),
}


def chunks(line: Line) -> Iterator[bytes]:
    for start in range(0, VALUES, CHUNK):
        yield b"".join(line(n, b"v%06d" % n + LONG) for n in range(start, start + CHUNK))


def fold(tally: Tally, chunk: bytes) -> None:
    tally.fold(parse.parse_counted(chunk))
    tally.counted()
    tally.committed()


@pytest.mark.parametrize("what", LINES)
def test_long_texts_are_not_remembered(what: str) -> None:
    tally = Tally(Whose("192.0.2.1"), Known(), clock=LineClock(NOW))
    fold(tally, b"".join(map(delivery, range(CHUNK))))
    tracemalloc.start()
    try:
        for chunk in chunks(LINES[what]):
            fold(tally, chunk)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < GROWTH_MAX


@pytest.mark.parametrize("is_long", [False, True], ids=["short", "long"])
def test_who_else_writes_is_bounded(is_long: bool) -> None:
    """Of machines and names without end, all that is not told apart is ours."""
    hosts = Hosts(lambda: frozenset((b"mx",)), ())
    hosts.read(delivery(1))
    tracemalloc.start()
    try:
        for start in range(0, (2 if is_long else 12) * VALUES, CHUNK):
            numbers = range(start, start + CHUNK)
            tag = b"postfix%d%b/smtp[7]" % (start, LONG if is_long else b"")
            lines = [delivery(n, tag=tag).replace(b" mx ", b" mx%d " % n) for n in numbers]
            hosts.read(b"".join(lines))
            kept, others = hosts.sifted()
            assert len(kept.splitlines()) + sum(others.values()) >= CHUNK
            del kept, others
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < GROWTH_MAX
