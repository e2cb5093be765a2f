"""Delivery lines: one attempt for one recipient. log_adhoc() of Postfix 2.3 to 3.11.

The usual order of keys is read by one pattern; any other order, number or naming of them by pairs.
"""

import re

from agent.maillog.lines import Delivery, made
from agent.maillog.parse_found import Found, Tag
from agent.maillog.parse_refusal import MAILBOX
from agent.maillog.parse_trouble import read_other
from deliverability import replies

DELIVERERS = (b"smtp", b"lmtp", b"local", b"virtual", b"pipe", b"error", b"retry", b"discard")

QUEUE_ID = rb"[0-9A-Za-z]{1,64}"  # far longer than any (postconf(5), enable_long_queue_ids)
# Without quotes or blanks in the addresses: those are read by pairs.
_USUAL = re.compile(
    rb"(" + QUEUE_ID + rb"): to=<([^\">\s]*)>, (?:orig_to=<[^\">\s]*>, )?"
    rb"relay=([^,\s]*), (?:conn_use=\d+, )?delay=([^,\s]+), delays=([^,\s]*), "
    rb"(?:tls=[^\s,]*, )?dsn=([^,\s]*), status=(\w+) \((.*)\)\Z"
)
_BODY = re.compile(rb"([0-9A-Za-z]+): ([A-Za-z_-]+=.*)")
_PAIR = re.compile(rb"([A-Za-z_-]+)=(<" + MAILBOX + rb">|(?:(?!, [A-Za-z_-]+=)[^\n])*)(?:, |$)")
_WORD = re.compile(rb"[A-Za-z-]+")
# The tag of another line within this one's pairs: two that were written into each other.
_TORN = re.compile(rb"/[a-z-]+\[\d+\]: ")


def read_delivery(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """A deliverer's line."""
    match = _USUAL.match(line, body)
    if match is not None:
        fields = match.groups()
        if fields[6] in replies.BY_STATUS:
            _, instance, daemon, back = tag
            stamp = line[: body - back]
            found.events.append(made(Delivery, (stamp, instance, daemon, *fields)))
            return
    _read_unusual(found, line, tag=tag, body=body)


def pairs(body: bytes) -> dict[bytes, bytes]:
    """key=value up to the status, the last: its text may hold anything. Values as they stand."""
    values: dict[bytes, bytes] = {}
    place = 0
    while match := _PAIR.match(body, place):
        key, value = match.groups()
        if key == b"status":
            values[key] = body[match.start(2) :]
            break
        values.setdefault(key, value)
        place = match.end()
    return values


def unbracketed(mailbox: bytes) -> bytes:
    return mailbox[1:-1] if mailbox[:1] == b"<" and mailbox[-1:] == b">" else mailbox


def _read_unusual(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    match = _BODY.match(line, body)
    values = pairs(match[2]) if match else {}
    if match is None or not (b"to" in values and (b"status" in values or b"relay" in values)):
        read_other(found, line, tag=tag, body=body)
        return
    status = values.get(b"status", b"")
    word = _WORD.match(status)
    is_torn = _TORN.search(line, body, len(line) - len(status)) is not None
    if word is None or b"relay" not in values or is_torn:
        found.add_unparsed(line)
        return
    delivery = Delivery(
        stamp=line[: body - tag.back],
        instance=tag.instance,
        daemon=tag.daemon,
        queue_id=match[1],
        recipient=unbracketed(values[b"to"]),
        relay=values[b"relay"],
        delay=values.get(b"delay", b""),
        delays=values.get(b"delays", b""),
        dsn=values.get(b"dsn", b""),
        status=word[0],
        # The closing parenthesis is missing where syslog cut the line; some write blanks behind it.
        text=status[word.end() :].rstrip().removeprefix(b" (").removesuffix(b")"),
    )
    if delivery.status in replies.BY_STATUS:
        found.events.append(delivery)
    elif delivery.status in replies.PROBES:
        found.probes.append(delivery)
    else:
        found.add_unparsed(line)
