"""Lines about a message on its way in and out: smtpd, postscreen, cleanup, pickup, qmgr."""

import re

from agent.maillog.lines import Accepted, Expiry, Queued, Rejected, Removed, made
from agent.maillog.parse_delivery import MAILBOX
from agent.maillog.parse_found import Found, Tag
from agent.maillog.parse_trouble import read_other

_CLIENT_IS = b": client="
_QUEUE_ID_BYTES_MAX = 64
_ORIGIN = re.compile(rb"(?:\A|, )orig_queue_id=([0-9A-Za-z]+)")
_LOGIN = re.compile(rb"(?:\A|, )sasl_username=.")
_PICKUP = re.compile(rb"([0-9A-Za-z]+): (uid=\d+) from=<")
_QUEUED = re.compile(
    rb"([0-9A-Za-z]+): from=<" + MAILBOX + rb">, size=(\d+), nrcpt=\d+ \(queue active\)\Z"
)
_EXPIRED = re.compile(rb"([0-9A-Za-z]+): from=<" + MAILBOX + rb">, status=(?:force-)?expired,")
_REJECT = re.compile(
    rb"([0-9A-Za-z]+): (?:milter-)?reject: ([A-Za-z-]+) from (\S*\[[^\]\s]*\](?::\d+)?): (.*)\Z"
)
_PROXY_REJECT = re.compile(rb"(?:([0-9A-Za-z]+): )?proxy-reject: ([A-Z-]+): (.*)\Z")
# cleanup(8), header_checks(5): what was found, who brought it, the envelope, and then the answer.
_CONTENT = re.compile(
    rb"([0-9A-Za-z]+): reject: (header|body|mime-error|mime|nested) .*"
    rb" from ([^\s;]+\[[^\]\s]*\]|local); (.*)\Z"
)
_CODES = re.compile(rb"(?:(\d{3})(?=[ -]|\Z))?[ -]?(?:(\d\.\d{1,3}\.\d{1,3})(?= |\Z) ?)?")
_TO = re.compile(rb"[; ,]to=<(" + MAILBOX + rb")>")
_ANSWER = re.compile(rb"\bhelo=<[^>]*>: (.*)\Z|\bproto=\S+: (.*)\Z|\A(?:from=<[^>]*>)?: (.*)\Z")
_ENVELOPES = (b"; from=<", b"; to=<", b"; proto=", b"; helo=<")


def read_smtpd(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """A line of smtpd or postscreen."""
    place = line.find(_CLIENT_IS, body, body + _QUEUE_ID_BYTES_MAX)
    client = line[place + len(_CLIENT_IS) :]
    if place < 0 or not line[body:place].isalnum():
        _read_refusal(found, line, tag=tag, body=body)
    elif b"," not in client:
        found.accepted.append(
            made(Accepted, (tag.instance, tag.daemon, line[body:place], client, False, b""))
        )
    else:
        client, _, more = client.partition(b", ")
        is_authenticated = _LOGIN.search(more) is not None
        origin = _ORIGIN.search(more)
        fields = (client, is_authenticated, origin[1] if origin else b"")
        found.accepted.append(Accepted(tag.instance, tag.daemon, line[body:place], *fields))


def read_cleanup(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    """Its commonest line, the message id, tells nothing we need."""
    if not line.startswith(b"message-id=", line.find(b": ", body) + 2):
        _read_refusal(found, line, tag=tag, body=body)


def read_pickup(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    match = _PICKUP.match(line, body)
    if match is None:
        read_other(found, line, tag=tag, body=body)
    else:
        queue_id, client = match.groups()
        found.accepted.append(Accepted(tag.instance, tag.daemon, queue_id, client, False, b""))


def read_queue_manager(found: Found, line: bytes, *, tag: Tag, body: int) -> None:
    if line[-9:] == b": removed" and line[body:-9].isalnum():
        found.removed.append(made(Removed, (tag.instance, line[body:-9])))
    elif (active := _QUEUED.match(line, body)) is not None:
        found.queued.append(made(Queued, (tag.instance, *active.groups())))
    elif (expired := _EXPIRED.match(line, body)) is not None:
        found.events.append(Expiry(line[: body - tag.back], expired[1], tag.instance))
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
    queue_id: bytes | None
    if match := _REJECT.match(line, body):
        queue_id, stage, client, rest = match.groups()
        answer, envelope = _cut(rest)
    elif match := _PROXY_REJECT.match(line, body):
        (queue_id, stage, rest), client = match.groups(), b""
        answer, envelope = _cut(rest)
    elif tag.daemon == b"cleanup" and (match := _CONTENT.match(line, body)):
        queue_id, stage, client, envelope = match.groups()
        said = _ANSWER.search(envelope)
        answer = next(filter(None, said.groups()), b"") if said else b""
    else:
        return None
    codes = _CODES.match(answer)
    code, dsn = codes.groups() if codes else (None, None)
    to = _TO.search(b" " + envelope)
    return Rejected(
        stamp=line[: body - tag.back],
        instance=tag.instance,
        daemon=tag.daemon,
        queue_id=queue_id or b"",
        stage=stage,
        client=client,
        code=code or b"",
        dsn=dsn or b"",
        text=answer[codes.end() :] if codes else answer,
        recipient=to[1] if to else b"",
    )


def _cut(rest: bytes) -> tuple[bytes, bytes]:
    """The answer, and the envelope that Postfix puts behind its last words."""
    places = [place for mark in _ENVELOPES if (place := rest.rfind(mark)) >= 0]
    place = min(places, default=len(rest))
    return rest[:place], rest[place + 2 :]
