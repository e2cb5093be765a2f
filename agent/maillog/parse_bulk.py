"""Many lines at once: the commonest facts, and the commonest lines without one, by one pattern.

A pattern that goes over a whole chunk costs less than any loop over its lines. What it does not
read in full it hands back in its place, as it is: nothing is guessed, nothing is passed over.

Whoever counts and does not ask for other programs' lines is served by a quicker one. It looks at
fewer bytes of what begins a line: a fact may seem to begin a line earlier, which is looked for.
Which messages left the queue is looked for when somebody asks.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from agent.maillog.lines import DOMAIN, delivery_of
from agent.maillog.parse_delivery import DELIVERERS, QUEUE_ID
from agent.maillog.parse_found import Found
from agent.maillog.parse_message import accepted

FORMS_KEPT_MAX = 32
TAGS_KEPT_MAX = 64

# A set of one byte is looked through three times as soon as a larger one. A delivery's values that
# hold no blank are read alike here and by pairs, whatever else is in them; but for a newline.
_VALUE = rb"[^ ]*"
_LINE_VALUE = rb"[^ \n]*"

# `(?:a|)` and not `(?:a)?`: a repetition is remembered, a branch is not.
_DELIVERY = (
    rb"(to=<" + _VALUE + rb">, (?:orig_to=<" + _VALUE + rb">, |)relay=(" + _VALUE + rb"), "
    rb"(?:conn_use=[0-9]+, |)delay=(" + _VALUE + rb", delays=" + _VALUE + rb")), "
    rb"(?:tls=" + _LINE_VALUE + rb", |)dsn="
)
# Of what was sent nobody asks for more.
_SENT = rb"[0-9.]+, status=sent \("
_UNSENT = rb"(" + _LINE_VALUE + rb"), status=(%b) \((.*)\)(?=\n)"
# From the sender's domain on: one group, taken apart later.
_FROM = rb"from=<(?:.*@|)"
_DOMAIN_AND_SIZE = DOMAIN + rb">, size=[0-9]{1,12}"
_QUEUED = _FROM + rb"(" + _DOMAIN_AND_SIZE + rb"), nrcpt=1 \(queue active\)(?=\n)"
# In the same group, for such messages are fewer: one of several recipients.
_SEVERAL = _FROM + rb"(?=" + _DOMAIN_AND_SIZE + rb", nrcpt=[0-9]{1,9} \(queue active\)\n)"
_CLIENT = rb"(?:client=|" + _SEVERAL + rb")(.+)"
_SHARED = re.compile(rb"(.*), nrcpt=([0-9]+) \(queue active\)")
_REMOVED = rb"qmgr\[[0-9]+\]: (" + QUEUE_ID + rb"): removed(?=\n)"
_QUIET = (
    rb"qmgr@" + QUEUE_ID + rb": removed\n|"
    rb"smtpd@(?:connect from |disconnect from |lost connection after )|"
    rb"cleanup@" + _VALUE + rb": message-id=|"
    rb"smtp@(?:Trusted|Untrusted|Verified|Anonymous) TLS connection |"
    rb"(?:anvil|scache)@statistics: "
)
_PROCESS = rb"\[[0-9]+\]: "
_ANY_PROCESS = rb"\[" + _VALUE + rb"\]: "
# Whole numbers: bytes are looked for in bytes by way of an exception (CPython's bytes_contains).
_NEWLINE, _COMMA = b"\n,"
_QUEUE_MANAGERS = frozenset((b"qmgr", b"oqmgr", b"nqmgr"))
# Who defers or bounces what was not even tried writes the same line.
_DELIVERERS = frozenset(DELIVERERS) | _QUEUE_MANAGERS | {b"cleanup"}
_DOORS = frozenset((b"smtpd", b"postscreen"))


class Form(NamedTuple):
    """How lines begin: so many bytes of the time before its last word, the bytes of that word, the
    host; the instances seen.
    """

    lead: int
    last: int
    host: bytes
    instances: tuple[bytes, ...]

    @classmethod
    def of(cls, time: bytes, *, host: bytes, instances: Iterable[bytes]) -> "Form | None":
        """`time` has the blank at its end. None: lines that begin like this are read one by one."""
        last = time[:-1].rpartition(b" ")[2]
        lead = len(time) - 1 - len(last)
        # The clock is the last word; where it is not, `before` fits none of these lines.
        if time[-1:] != b" " or len(last) < 2 or not host or b":" in time[:lead]:
            return None
        return cls(lead, len(last), host, tuple(instances))

    def before(self, *, is_exact: bool) -> bytes:
        """A pattern of time and host. A tag ends with the first colon before a blank, and there is
        none in this; nor anything before the time that would have to be taken away first.

        Not exact: it may begin a line earlier, since a set of one byte costs a third of a larger.
        """
        newline = rb"\n" if is_exact else b""
        if self.lead:
            counts = (newline, self.lead - 1, newline, self.last - 1)
            time = rb"[^\0<:\n][^:%b]{%d}[^ %b]{%d}" % counts
        else:
            time = rb"[^\0< \n][^ %b]{%d}" % (newline, self.last - 2)
        return time + rb"[^ :\n] " + re.escape(self.host + b" ")

    def anything(self) -> bytes:
        """A pattern of as many bytes as the time has, and of the host."""
        return rb".{%d} " % (self.lead + self.last) + re.escape(self.host + b" ")


def read_bulk(
    found: Found,
    chunk: bytes,
    *,
    form: Form,
    read_line: Callable[[bytes], object],
    is_exact: bool,
) -> bool:
    """Adds the facts of these whole lines but removals; `read_line` is given those that are not
    read here. Not `is_exact`: other programs' lines are not all counted, and most of what was sent
    is told by `Sent`.

    False: what was added is not to be trusted, read them otherwise. No log of a mail server does
    that: something runs over a line's end, or one daemon says what is another's to say.
    """
    tell, queue, accept = found.events.append, found.queued.append, found.accepted.append
    stamp = deliverer = manager = door = queuing = accepting = b""
    # A match begins with the end of the line before: so the first line has none.
    read_line(chunk[: chunk.find(b"\n")])
    for row in _pattern(form, is_exact).findall(chunk):
        at, tag, id_, body, _, _, _, status, _, said, client, line = row
        if body:
            if at != stamp or tag != deliverer:
                if _NEWLINE in at or not _instance(tag, _DELIVERERS):
                    return False
                stamp, deliverer = at, tag
            if _NEWLINE in body:
                return False
            tell(delivery_of(row) if status else row)
        elif said:
            if tag != manager:
                manager, queuing = tag, _instance(tag, _QUEUE_MANAGERS)
                if not queuing:
                    return False
            queue((queuing + id_, said))
        elif client:
            if tag != door:
                door, accepting = tag, _instance(tag, _DOORS)
            if not accepting:
                if not _take_up(found, row):
                    return False
            elif _COMMA in client:
                accept(accepted(accepting, queue_id=id_, said=client))
            else:
                accept((accepting, client, b"", id_))
        else:
            read_line(line)
    return True


def _take_up(found: Found, row: tuple[bytes, ...]) -> bool:
    """A message of several recipients; False: it is none."""
    _, tag, id_, *_, client, _ = row
    manager, shared = _instance(tag, _QUEUE_MANAGERS), _SHARED.fullmatch(client)
    if not manager or shared is None:
        return False
    found.shared.append((manager + id_, shared[1], int(shared[2])))
    return True


def removed_of(chunk: bytes, form: Form) -> list[tuple[bytes, bytes]]:
    """Instance and id of the messages that left the queue by lines that `read_bulk` passed over."""
    return _removed_pattern(form).findall(chunk)


@lru_cache(maxsize=TAGS_KEPT_MAX)
def _instance(tag: bytes, daemons: frozenset[bytes]) -> bytes:
    """Whose tag this is; empty: none of these daemons'."""
    instance, _, daemon = tag.rpartition(b"/")
    return instance if daemon in daemons else b""


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _pattern(form: Form, is_exact: bool) -> re.Pattern[bytes]:
    """Groups: the fields of a Sent; dsn, status and text of a delivery that is to be told in full;
    what is said of a message taken up; the client, or what is said of one of several recipients; a
    line that is read in no other way.
    """
    instances = b"|".join(map(re.escape, form.instances))
    # Of a line that nobody asks for it is enough to know where it ends.
    head = form.before(is_exact=True) if is_exact else form.anything()
    process = _PROCESS if is_exact else _ANY_PROCESS
    passed = rb"(?:" + instances + rb")/(?:" + _QUIET.replace(b"@", process) + rb")"
    if not is_exact:
        # All of Postfix's tags have a slash. The first byte tells most of them that they are not
        # meant; other tags that begin with it are read by others.
        initials = b"".join(re.escape(name[:1]) for name in form.instances)
        passed += rb"|[^ /" + initials + rb"][^ /]*: "
    ends = _UNSENT % rb"sent|deferred|bounced"
    if not is_exact:
        ends = rb"(?:" + _SENT + rb"|" + _UNSENT % rb"deferred|bounced" + rb")"
    fact = (
        rb"("
        + form.before(is_exact=is_exact)
        + rb")((?:"
        + instances
        + rb")/[a-z]+)"
        + _PROCESS
        + rb"("
        + QUEUE_ID
        + rb"): (?:"
        + b"|".join((_DELIVERY + ends, _QUEUED, _CLIENT))
        + rb")"
    )
    return re.compile(rb"\n(?!" + head + rb"(?:" + passed + rb"))(?:" + fact + rb"|(.+))")


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _removed_pattern(form: Form) -> re.Pattern[bytes]:
    instances = b"|".join(map(re.escape, form.instances))
    before = form.before(is_exact=True)
    return re.compile(rb"\n" + before + rb"(" + instances + rb")/" + _REMOVED)
