"""Lines about a message on its way in and out: smtpd, postscreen, cleanup, pickup, qmgr."""

import re

from agent.maillog.lines import Accepted, Expiry, Queued, Rejected, Removed, Shared, said_of
from agent.maillog.parse_delivery import read_delivery
from agent.maillog.parse_found import Found, Tag
from agent.maillog.parse_refusal import MAILBOX
from agent.maillog.parse_trouble import read_other

_CLIENT_IS = b": client="
_TO = b": to=<"
_QUEUE_ID_BYTES_MAX = 64
_MESSAGE_BYTES_MAX = 192  # of an instance and a queue id whose size is remembered
_ORIGIN = re.compile(rb"(?:\A|, )orig_queue_id=([0-9A-Za-z]+)")
_PICKUP = re.compile(rb"([0-9A-Za-z]+): (uid=\d+) from=<")
_QUEUED = re.compile(
    rb"([0-9A-Za-z]+): from=<(.*)>, size=(\d{1,12}), nrcpt=(\d{1,9}) \(queue active\)\Z"
)
_EXPIRED = re.compile(rb"([0-9A-Za-z]+): from=<" + MAILBOX + rb">, status=((?:force-)?expired),")
_REJECT = re.compile(
    rb"([0-9A-Za-z]+): (?:milter-)?reject: ([A-Za-z-]+) from (\S*\[[^\]\s]*\](?::\d+)?): (.*)\Z"
)
_PROXY_REJECT = re.compile(rb"(?:([0-9A-Za-z]+): )?proxy-reject: ([A-Z-]+): (.*)\Z")
# cleanup(8), header_checks(5): what was found, who brought it, the envelope, and then the answer.
_CONTENT = re.compile(
    rb"([0-9A-Za-z]+): reject: (header|body|mime-error|mime|nested) .*"
    rb" from ([^\s;]+\[[^\]\s]*\]|local); (.*)\Z"
)


def read_smtpd(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """A line of smtpd or postscreen."""
    place = line.find(_CLIENT_IS, body, body + _QUEUE_ID_BYTES_MAX)
    client = line[place + len(_CLIENT_IS) :]
    if place < 0 or not line[body:place].isalnum():
        _read_refusal(found, line, tag=tag, body=body)
    else:
        found.accepted.append(accepted(tag.instance, queue_id=line[body:place], said=client))


def accepted(instance: bytes, *, queue_id: bytes, said: bytes) -> Accepted:
    """`said`: the client, and perhaps more about it."""
    client, _, more = said.partition(b", ")
    origin = _ORIGIN.search(more) if more else None
    return Accepted(instance, client, origin[1] if origin else b"", queue_id)


def read_cleanup(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """Its commonest line, the message id, tells nothing we need. What it refuses of a local sender
    it bounces itself, recipient by recipient."""
    start = line.find(b": ", body)
    if line.startswith(b"message-id=", start + 2):
        return
    if line.startswith(_TO, start):
        read_delivery(found, line, tag=tag, body=body)
    else:
        _read_refusal(found, line, tag=tag, body=body)


def read_pickup(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    match = _PICKUP.match(line, body)
    if match is None:
        read_other(found, line, tag=tag, body=body)
    else:
        queue_id, client = match.groups()
        found.accepted.append(Accepted(tag.instance, client, b"", queue_id))


def read_queue_manager(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    if line[-9:] == b": removed" and line[body:-9].isalnum():
        found.removed.append(Removed(tag.instance, line[body:-9]))
    elif (active := _QUEUED.match(line, body)) is not None:
        queue_id, mailbox, size, recipients = active.groups()
        message, said = tag.instance + queue_id, said_of(mailbox, size=size)
        if len(message) > _MESSAGE_BYTES_MAX:
            return
        if recipients == b"1":
            found.queued.append(Queued(message, said))
        else:
            found.shared.append(Shared(message, said, int(recipients)))
    elif (expired := _EXPIRED.match(line, body)) is not None:
        found.events.append(Expiry(line[: body - tag.back], expired[1], tag.instance, expired[2]))
    elif line.startswith(_TO, line.find(b": ", body)):  # deferred or bounced without being tried
        read_delivery(found, line, tag=tag, body=body)
    else:
        read_other(found, line, tag=tag, body=body)


def _read_refusal(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    rejected = _rejected(line, tag=tag, body=body) if b"reject: " in line else None
    if rejected is None:
        read_other(found, line, tag=tag, body=body)
    else:
        found.events.append(rejected)


def _rejected(line: bytes, *, tag: Tag, body: int) -> Rejected | None:
    """None: it only looks like a refusal."""
    stamp, of_content = line[: body - tag.back], False
    if match := _REJECT.match(line, body):
        queue_id, stage, client, said = match.groups()
    elif match := _PROXY_REJECT.match(line, body):
        (queue_id, stage, said), client = match.groups(b""), b""
    elif tag.daemon == b"cleanup" and (match := _CONTENT.match(line, body)):
        queue_id, stage, client, said = match.groups()
        of_content = True
    else:
        return None
    return Rejected(stamp, tag.instance, tag.daemon, queue_id, stage, client, said, of_content)
