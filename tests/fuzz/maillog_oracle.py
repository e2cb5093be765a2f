"""What deliveries a log tells of, read slowly, byte by byte: to hold the agent's reader against.

Written from the shape of the lines, not from the reader's patterns, and shares none of its code.
"""

import re
from typing import NamedTuple

LINE_BYTES_MAX = 65_536
DELIVERERS = b"smtp lmtp local virtual pipe error retry discard".split()
UNTRIED = b"qmgr oqmgr nqmgr cleanup".split()  # deferred or bounced without a delivery
STATUSES = b"sent deferred bounced SOFTBOUNCE expired force-expired".split()
PROBES = b"deliverable undeliverable".split()
PROBES += [word + b"-but-not-cached" for word in PROBES]
LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KEY = LETTERS + b"_-"
BLANKS = b" \t\r\n\f\v"
MESSAGE_ID = re.compile(rb"\[ID [0-9]{1,10} [A-Za-z0-9_]+\.[A-Za-z0-9_]+\] ")
TORN = re.compile(rb"/[a-z-]+\[[0-9]+\]: ")


class Told(NamedTuple):
    """Of one delivery line."""

    instance: bytes
    daemon: bytes
    queue_id: bytes
    recipient: bytes
    relay: bytes
    status: bytes
    text: bytes


def deliveries(log: bytes) -> list[Told]:
    return [told for line in log.split(b"\n") if (told := delivery(line)) is not None]


def delivery(line: bytes) -> Told | None:
    """None: none, or one that cannot be understood."""
    line = line[:-1] if line.endswith(b"\r") else line
    if len(line) > LINE_BYTES_MAX:
        return None
    if line[:1] in (b"\0", b"<"):
        while line[:1] == b"\0":
            line = line[1:]
        modern = _traditional(line)
        line = _without_priority(line) if modern == line else modern
    name, body = _tagged(line)
    if not name:
        name, body = _tagged(_without_brackets(line))
    instance, slash, daemon = name.rpartition(b"/")
    if not slash or not instance or daemon not in DELIVERERS + UNTRIED:
        return None
    while before := MESSAGE_ID.match(body):
        body = body[before.end() :]
    queue_id, colon, rest = body.partition(b": ")
    if not colon or not queue_id.isalnum() or (daemon in UNTRIED and rest[:4] != b"to=<"):
        return None
    pairs = _pairs(rest)
    status = _letters(pairs.get(b"status", b""))
    if b"to" not in pairs or b"relay" not in pairs or status not in STATUSES:
        return None
    text = pairs[b"status"]
    if TORN.search(body[: len(body) - len(text)]):
        return None
    text = text[len(status) :].rstrip()
    text = text[2:] if text.startswith(b" (") else text
    text = text[:-1] if text.endswith(b")") else text
    return Told(instance, daemon, queue_id, _inner(pairs[b"to"]), pairs[b"relay"], status, text)


def _pairs(rest: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    while True:
        key = _key(rest)
        if not key:
            return found
        rest = rest[len(key) + 1 :]
        if key == b"status":
            return {**found, b"status": rest}
        value = _value(rest)
        found.setdefault(key, value)
        rest = rest[len(value) :]
        if not rest.startswith(b", "):
            return found
        rest = rest[2:]


def _key(rest: bytes) -> bytes:
    """What stands before an = sign; empty when that is no key."""
    length = 0
    while length < len(rest) and rest[length] in KEY:
        length += 1
    return rest[:length] if rest[length : length + 1] == b"=" else b""


def _value(rest: bytes) -> bytes:
    mailbox = _mailbox(rest)
    if mailbox and (len(mailbox) == len(rest) or rest.startswith(b", ", len(mailbox))):
        return mailbox
    for length in range(len(rest)):
        if rest.startswith(b", ", length) and _key(rest[length + 2 :]):
            return rest[:length]
    return rest


def _mailbox(rest: bytes) -> bytes:
    """<…> with quotes, in which > may stand; empty when it does not end."""
    if rest[:1] != b"<":
        return b""
    is_quoted, place = False, 1
    while place < len(rest):
        byte = rest[place : place + 1]
        if is_quoted and byte == b"\\":
            place += 1
        elif byte == b'"':
            is_quoted = not is_quoted
        elif byte == b">" and not is_quoted:
            return rest[: place + 1]
        place += 1
    return b""


def _letters(text: bytes) -> bytes:
    length = 0
    while length < len(text) and text[length] in LETTERS + b"-":
        length += 1
    return text[:length]


def _inner(mailbox: bytes) -> bytes:
    return mailbox[1:-1] if mailbox[:1] == b"<" and mailbox[-1:] == b">" else mailbox


def _tagged(line: bytes) -> tuple[bytes, bytes]:
    """Who wrote the line, and what; nobody where there is no tag. A process is needed but for a
    daemon of Postfix."""
    head, mark, body = line.partition(b": ")
    stamp, blank, tag = head.rpartition(b" ")
    name, bracket, process = tag.rpartition(b"[")
    if not (bracket and process[-1:] == b"]" and process[:-1].isdigit() and len(process) <= 21):
        name = tag if tag.rpartition(b"/")[2] in DELIVERERS + UNTRIED else b""
    if not mark or len(stamp + blank) > 200 or any(one in name for one in (*BLANKS, ord("["))):
        return b"", b""
    return name, body


def _without_brackets(line: bytes) -> bytes:
    """A line whose tag stands in brackets behind the time, as others have it."""
    tag, bracket, body = line[17:].partition(b"] ")
    instance, slash, daemon = tag.rpartition(b"/")
    if line[15:17] != b" [" or not (bracket and slash and instance and daemon):
        return b""
    return b"" if any(one in tag for one in (*BLANKS, *b"[]")) else line[:16] + tag + b": " + body


def _traditional(line: bytes) -> bytes:
    """A line of RFC 5424 as RFC 3164 would have it; any other as it is."""
    priority, mark, rest = line[1:].partition(b">1 ")
    words = rest.split(b" ", 5)
    if line[:1] != b"<" or not mark or not priority.isdigit() or len(priority) > 3:
        return line
    if len(words) < 6 or not (words[3].isdigit() or words[3] == b"-"):
        return line
    name, bracket, inside = words[2].partition(b"[")
    if (
        not name
        or b":" in name
        or (bracket and not (inside[-1:] == b"]" and inside[:-1].isdigit()))
    ):
        return line
    if any(not word or any(one in word for one in BLANKS) for word in words[:5]):
        return line
    message = _after_data(words[5])
    if message is None:
        return line
    process = inside[:-1] or words[3]
    tag = name if process == b"-" else name + b"[" + process + b"]"
    return b"%b %b %b: %b" % (*words[:2], tag, message.removeprefix(b"\xef\xbb\xbf"))


def _without_priority(line: bytes) -> bytes:
    """A line as syslog(3) sends it, with its facility and level before it: <22>."""
    number, mark, rest = line[1:].partition(b">")
    if not (line[:1] == b"<" and mark and number.isdigit() and len(number) <= 3):
        return line
    if rest[:2] == b"1 ":
        return rest[2:]
    return rest[1:] if rest[:1] == b" " else rest


def _after_data(text: bytes) -> bytes | None:
    """What follows the structured data and a blank; None: there is none, or it does not end."""
    if text[:2] == b"- ":
        return text[2:]
    place, inside, is_quoted = 0, False, False
    while place < len(text):
        one = text[place : place + 1]
        if inside and is_quoted and one == b"\\":
            place += 1
        elif inside and one == b'"':
            is_quoted = not is_quoted
        elif inside and one == b"]" and not is_quoted:
            inside = False
        elif not inside and one == b"[":
            inside = True
        elif not inside:
            return text[place + 1 :] if place and one == b" " else None
        place += 1
    return None
