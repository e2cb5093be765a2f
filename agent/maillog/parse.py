"""Postfix's log lines into events: deliveries, expiries, reloads and starts. Does no IO.

Bytes in, bytes out: only what is used is decoded, by whoever uses it. Nothing here raises on any
input. Shapes: log_adhoc(), qmgr_active.c and master.c of Postfix 2.3 to 3.11.
"""

import re
from typing import NamedTuple

from deliverability import replies

LINE_BYTES_MAX = 65_536  # a longer line is nobody's delivery; it is skipped and counted


class Delivery(NamedTuple):
    """One attempt for one recipient. (A NamedTuple: the quickest value to make a million of.)

    `stamp` is all before the tag: the time, for a LineClock, and the host. `instance` is the
    syslog_name, `daemon` the program: postfix-out and smtp. `recipient` is without its angle
    brackets, `delays` is a/b/c/d in seconds, `text` is what stands in the parentheses.
    """

    stamp: bytes
    instance: bytes
    daemon: bytes
    queue_id: bytes
    recipient: bytes
    relay: bytes
    delays: bytes
    dsn: bytes
    status: bytes
    text: bytes


class Expiry(NamedTuple):
    """A message that ran out of time; the line names no recipient."""

    stamp: bytes
    queue_id: bytes


class Reload(NamedTuple):
    """The master read its configuration anew, or started (`is_start`)."""

    stamp: bytes
    instance: bytes
    is_start: bool


MailEvent = Delivery | Expiry | Reload


class Parsed(NamedTuple):
    """`unparsed`: lines that look like a delivery's and could not be understood."""

    events: list[MailEvent]
    unparsed: int


_STATUS = b" status="
_VERSION = b" -- version "
_TAG_END = b"]: "
_DAEMONS = rb"smtp|lmtp|local|virtual|pipe|error|retry|discard"
# Commas, blanks and > may stand in quotes.
_MAILBOX = rb'[^">\n]*(?:"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"[^">\n]*)*'
_DELIVERY = re.compile(
    rb"([^\s\[]+)/(" + _DAEMONS + rb")\[\d+\]: ([0-9A-Za-z]+): to=<(" + _MAILBOX + rb")>, "
    rb"(?:orig_to=<" + _MAILBOX + rb">, )?"
    rb"relay=([^,\n]*), (?:conn_use=\d+, )?delay=[\d.]+, delays=([\d./]*), "
    rb"(?:tls=[^\s,]*, )?dsn=([\d.]*), status=([A-Za-z-]+) \((.*)\)\Z"
)
_TAG = re.compile(rb"([^\s\[]+)/([a-z-]+)\[\d+\]: ")
_BODY = re.compile(rb"([0-9A-Za-z]+): ([a-z_]+=.*)")
_PAIR = re.compile(rb"([a-z_]+)=(<" + _MAILBOX + rb">|(?:(?!, [a-z_]+=)[^\n])*)(?:, |$)")
_QMGR_EXPIRED = re.compile(
    rb"([0-9A-Za-z]+): from=<" + _MAILBOX + rb">, status=(?:force-)?expired,"
)
_MASTER = re.compile(rb"(reload|daemon started) -- version ")
_DELIVERERS = frozenset(_DAEMONS.split(b"|"))
_WORD = re.compile(rb"[A-Za-z-]+")


def parse_line(line: bytes) -> MailEvent | None:
    """The event of one line (without its newline); None for all the lines that are not ours."""
    events = parse_chunk(line.replace(b"\n", b" ") + b"\n").events
    return events[0] if events else None


def parse_chunk(chunk: bytes) -> Parsed:
    """The events of whole lines, in their order. Lines without an event cost two searches."""
    events: list[MailEvent] = []
    unparsed = end = 0
    reload_at = chunk.find(_VERSION)
    while (status_at := chunk.find(_STATUS, end)) >= 0:
        while 0 <= reload_at < status_at:
            reload_at = _add_reload(events, chunk, place=reload_at)
        # The newline before a line is where the one before it ended: `end`.
        start = chunk.rfind(b"\n", end, status_at) + 1
        end = chunk.find(b"\n", status_at)
        tag = chunk.rfind(b" ", start, chunk.find(_TAG_END, start, status_at) + 1) + 1 or start
        found = _DELIVERY.match(chunk, tag, end)
        if found is None or found[8] not in replies.BY_STATUS or end - start > LINE_BYTES_MAX:
            event, is_lost = _unusual(chunk[start:end], tag - start)
            unparsed += is_lost
            if event is not None:
                events.append(event)
        else:
            events.append(Delivery._make((chunk[start:tag], *found.groups())))
    while reload_at >= 0:
        reload_at = _add_reload(events, chunk, place=reload_at)
    return Parsed(events, unparsed)


def _unusual(line: bytes, tag_start: int) -> tuple[MailEvent | None, bool]:
    """The event of a line with a status, and whether one should have been found and was not.

    Its pairs may stand in an order, or number, of their own.
    """
    tag = _TAG.match(line, tag_start)
    if tag is None or len(line) > LINE_BYTES_MAX:
        return None, False  # too long ones are counted by whoever cuts the chunks
    instance, daemon = tag.groups()
    if daemon == b"qmgr":
        expired = _QMGR_EXPIRED.match(line, tag.end())
        return (Expiry(line[:tag_start], expired[1]) if expired else None), False
    body = _BODY.match(line, tag.end())
    if daemon not in _DELIVERERS or body is None:
        return None, False
    pairs = _pairs(body[2])
    status = pairs.get(b"status", b"")
    word = _WORD.match(status)
    if b"to" not in pairs:
        return None, False  # a message's own line: status=deferred (bounce failed)
    if word is None or b"relay" not in pairs or word[0] not in replies.BY_STATUS:
        return None, word is None or word[0] not in replies.PROBES
    return Delivery(
        stamp=line[:tag_start],
        instance=instance,
        daemon=daemon,
        queue_id=body[1],
        recipient=_unbracketed(pairs[b"to"]),
        relay=pairs[b"relay"],
        delays=pairs.get(b"delays", b""),
        dsn=pairs.get(b"dsn", b""),
        status=word[0],
        # The closing parenthesis is missing where syslog cut the line.
        text=status[word.end() :].removeprefix(b" (").removesuffix(b")"),
    ), False


def _pairs(body: bytes) -> dict[bytes, bytes]:
    """key=value up to the status, the last: its text may hold anything."""
    pairs: dict[bytes, bytes] = {}
    place = 0
    while match := _PAIR.match(body, place):
        key, value = match.groups()
        if key == b"status":
            pairs[key] = body[match.start(2) :]
            break
        pairs.setdefault(key, value)
        place = match.end()
    return pairs


def _unbracketed(mailbox: bytes) -> bytes:
    return mailbox[1:-1] if mailbox[:1] == b"<" and mailbox[-1:] == b">" else mailbox


def _add_reload(events: list[MailEvent], chunk: bytes, *, place: int) -> int:
    """Adds the reload this line tells of, if it does; where the next such line may be, or -1."""
    start = chunk.rfind(b"\n", 0, place) + 1
    end = chunk.find(b"\n", place)
    line = chunk[start:end]
    tag_start = line.rfind(b" ", 0, line.find(_TAG_END) + 1) + 1
    tag = _TAG.match(line, tag_start)
    if tag is not None and tag[2] == b"master":
        body = _MASTER.match(line, tag.end())
        if body is not None:
            events.append(Reload(line[:tag_start], tag[1], body[1] != b"reload"))
    return chunk.find(_VERSION, end)
