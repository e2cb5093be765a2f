"""What a mail log's lines say, as values: one shape for each kind of fact. Reads nothing itself.

All fields are bytes as they stood in the log; who uses one decodes it. `stamp` is all before the
tag: the time, for a LineClock, and the host, for `host_of`. `instance` is the syslog_name, `daemon`
the program: postfix-out and smtp. A queue id is one message's only together with host and instance,
and short ones are used again.

NamedTuples are the quickest values to make a million of; quickest with `made`, given all fields.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from agent.maillog import parse_refusal
from agent.maillog.parse_refusal import Refusal


class Delivery(NamedTuple):
    """One attempt for one recipient.

    `recipient` is without its angle brackets, `delay` the whole and `delays` a/b/c/d in seconds,
    `text` is what stands in the parentheses.
    """

    stamp: bytes
    instance: bytes
    daemon: bytes
    queue_id: bytes
    recipient: bytes
    relay: bytes
    delay: bytes
    delays: bytes
    dsn: bytes
    status: bytes
    text: bytes


class Expiry(NamedTuple):
    """A message that ran out of time; the line names no recipient. `status` is force-expired where
    a person said so (postsuper(1), -e)."""

    stamp: bytes
    queue_id: bytes
    instance: bytes = b"postfix"
    status: bytes = b"expired"


class Reload(NamedTuple):
    """The master read its configuration anew, or started (`is_start`)."""

    stamp: bytes
    instance: bytes
    is_start: bool


class Rejected(NamedTuple):
    """Refused at the door: by smtpd, postscreen, or cleanup once the message was there.

    `stage` is the client's command (RCPT, MAIL, DATA, END-OF-MESSAGE, CONNECT, header…), `client`
    name[address] or [address]:port, `said` all that follows, `of_content` by a check of what was
    written. `queue_id` is NOQUEUE before there is one.

    What access(5) and header_checks(5) only discard, hold or warn of is none: the client was told
    250. A held message is counted in the queue, a discarded one came in and left.
    """

    stamp: bytes
    instance: bytes
    daemon: bytes
    queue_id: bytes
    stage: bytes
    client: bytes
    said: bytes
    of_content: bool = False

    @property
    def refusal(self) -> Refusal:
        take_apart = parse_refusal.of_content if self.of_content else parse_refusal.of_client
        return take_apart(self.said)


class Accepted(NamedTuple):
    """A message came in: `client` is name[address] at smtpd, `uid=N` at pickup.

    `origin`: the queue id this message had before a content filter gave it back, if the filter says
    (XFORWARD); such a message came in before.
    """

    instance: bytes
    client: bytes
    origin: bytes
    queue_id: bytes


class Queued(NamedTuple):
    """The queue manager took a message up: at its first attempt, and again at every later one.

    `message`: its instance and queue id, one behind the other. `said`: the domain of its sender
    (empty: nobody sent it) and its bytes, as `said_of` puts them together.
    """

    message: bytes
    said: bytes


class Shared(NamedTuple):
    """The same of a message of several recipients, or none."""

    message: bytes
    said: bytes
    recipients: int


# What is not of it stands for something where it is kept: no separator may be a part.
DOMAIN = rb"[^\"@<>=, \t\n\r\f\v]{0,253}"
_DOMAIN = re.compile(DOMAIN)


def said_of(mailbox: bytes, *, size: bytes) -> bytes:
    """As the queue manager's line has it from the domain on. Of what no DNS could hold nothing is
    kept but `?`."""
    domain = mailbox.rpartition(b"@")[2]
    domain = domain if _DOMAIN.fullmatch(domain) else b"?"
    return b"%b>, size=%b" % (domain, size)


class Removed(NamedTuple):
    """The message left the queue, whatever became of it."""

    instance: bytes
    queue_id: bytes


class Moved(NamedTuple):
    """What postsuper(1) did: `action` is held, released, requeued or deleted.

    A message's own line has its `queue_id` and is of 1; the summary that follows them has none and
    is of them all: add up the one or the other.
    """

    stamp: bytes
    instance: bytes
    action: bytes
    messages: int
    queue_id: bytes


class Trouble(NamedTuple):
    """A daemon complains: `level` is warning, error, fatal or panic."""

    stamp: bytes
    instance: bytes
    daemon: bytes
    level: bytes
    text: bytes


# made(Delivery, (stamp, …)): neither keywords nor the number of fields are looked at.
made = tuple.__new__

MailEvent = Delivery | Expiry | Reload | Rejected | Moved | Trouble
# A delivery that was sent, as it is found among many lines, and no more of it than is counted:
# stamp, instance/daemon, queue id, all from `to=<` to the delays, relay, and `1.2, delays=a/b/c/d`.
# What follows belongs to other kinds of lines, and is empty.
Sent = tuple[bytes, ...]


def delivery_of(sent: Sent) -> Delivery:
    """All that it says; of what was sent without dsn and text."""
    stamp, tag, queue_id, body, relay, delays, dsn, status, text, *_ = sent
    instance, _, daemon = tag.rpartition(b"/")
    # No value of it holds a blank.
    recipient = body[len(b"to=<") : body.find(b">, ")]
    delay, _, parts = delays.partition(b", delays=")
    told = (stamp, instance, daemon, queue_id, recipient, relay, delay, parts)
    return made(Delivery, (*told, dsn, status or b"sent", text))


def event_of(found: MailEvent | Sent) -> MailEvent:
    # A NamedTuple is no plain tuple; which the checker does not tell apart.
    return delivery_of(found) if type(found) is tuple else found  # type: ignore[arg-type, return-value]


class Parsed(NamedTuple):
    """The facts of some lines, each kind in the log's order.

    Messages come in plain lists, because there are so many: what came in, what was taken up
    (`shared`: for several recipients), what left; where many are read at once, as plain tuples of
    the fields above. Folded in the order accepted, queued and shared, events, removed no message
    is seen after it left; the removed are in no order, and looked for each time they are asked
    for. `unparsed`: lines that look like a delivery's and could not be understood. `unknown`: so
    many lines of each Postfix daemon that are of no kind we know. The newest few of both stand in
    `newest_unknown`, as they were.
    `foreign`: lines of other programs, and of none. `probes`: deliveries that were none, because
    only whether an address exists was asked.
    """

    events: list[MailEvent | Sent]
    accepted: list[tuple[bytes, bytes, bytes, bytes]]
    queued: list[tuple[bytes, bytes]]
    shared: list[tuple[bytes, bytes, int]]
    removed: Iterable[tuple[bytes, bytes]]
    unparsed: int
    unknown: dict[bytes, int]
    newest_unknown: list[bytes]
    foreign: int
    probes: list[Delivery]


_CLOCK = re.compile(rb"\d\d:\d\d:\d\d(?:[.,]\d+)?\S*|\d{4}-\d\d-\d\dT\S+|\d{10}(?:\.\d+)?|\|")
_PRIORITY = re.compile(
    rb"(?:mail|daemon|local\d)[.:][a-z]+|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT"
)
_YEAR = re.compile(rb"\d\d:\d\d:\d\d (?:19|20)\d\d\Z")


def host_of(stamp: bytes) -> bytes:
    """The host of a line, by its stamp; empty where none was written. (Some syslogd write facility
    and level behind it, or a year behind the clock.)"""
    stamp = stamp.rstrip(b" ")
    before, _, word = stamp.rpartition(b" ")
    if _PRIORITY.fullmatch(word):
        stamp = before.rstrip(b" ")
        word = stamp.rpartition(b" ")[2]
    return b"" if _CLOCK.fullmatch(word) or _YEAR.search(stamp) else word


class Relay(NamedTuple):
    """`host` is all there is where no address is named: none, dovecot, a path."""

    host: bytes
    address: bytes
    port: int | None


_RELAY = re.compile(rb"([^\[]*)\[([^\]]*)\](?::(\d{1,5}))?")


def relay_of(relay: bytes) -> Relay:
    """`mx.example.net[192.0.2.7]:25` taken apart."""
    match = _RELAY.fullmatch(relay)
    if match is None:
        return Relay(relay, b"", None)
    host, address, port = match.groups()
    return Relay(host, address, int(port) if port else None)


def is_hop(delivery: Delivery) -> bool:
    """Whether this is a hand-over to a content filter, which gives the message back.

    A filter listens on this machine and its answer names the id the message has now; a mailbox
    server on the same machine names none.
    """
    if delivery.daemon not in (b"smtp", b"lmtp") or b"queued as " not in delivery.text:
        return False
    return is_nearby(delivery.relay)


def is_nearby(relay: bytes) -> bool:
    """Whether a relay is this machine: a loopback address or a socket."""
    start = relay.find(b"[") + 1
    if not start:
        return relay[:1] == b"/"
    if relay.startswith((b"127.", b"::1]"), start):
        return True
    slash = relay.find(b"/", start)
    return slash >= 0 and relay.find(b"]", start, slash) < 0


def cut(delivery: Delivery, *, most: int) -> Delivery:
    """Of its reply and of its mailbox's name at most so many bytes: it is kept for a while."""
    if len(delivery.text) <= most and len(delivery.recipient) <= most:
        return delivery
    name, at, _ = delivery.recipient.rpartition(b"@")
    return delivery._replace(recipient=name[:most] + at, text=delivery.text[:most])
