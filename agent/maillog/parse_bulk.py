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

from agent.maillog.lines import Delivery, made
from agent.maillog.parse_delivery import DELIVERERS, QUEUE_ID
from agent.maillog.parse_found import Found

FORMS_KEPT_MAX = 32

# A set of one byte is looked through three times as soon as a larger one. A delivery's values that
# hold no blank are read alike here and by pairs, whatever else is in them; but for a newline.
_VALUE = rb"[^ ]*"
_WORD = rb"[^, \t\n\r\f\v]"
_MAILBOX = rb"[^\"> \t\n\r\f\v]*"  # without quotes and blanks: those are read one by one

# `(?:a|)` and not `(?:a)?`: a repetition is remembered, a branch is not.
_DELIVERY = (
    rb"(to=<(" + _VALUE + rb")>, (?:orig_to=<" + _VALUE + rb">, |)relay=(" + _VALUE + rb"), "
    rb"(?:conn_use=[0-9]+, |)delay=(" + _VALUE + rb"), delays=(" + _VALUE + rb"), "
    rb"(?:tls=" + _VALUE + rb", |)dsn=(" + _VALUE + rb"), status=(sent|deferred|bounced)) \((.*)\)"
)
_QUEUED = rb"from=<" + _MAILBOX + rb">, size=([0-9]{1,12}), nrcpt=[0-9]+ \(queue active\)"
_CLIENT = rb"client=(" + _WORD + rb"+)(?:, sasl_method=[^,\n]*, sasl_username=[^,\n]+|)"
_REMOVED = rb"qmgr\[[0-9]+\]: (" + QUEUE_ID + rb"): removed(?=\n)"
_QUIET = (
    rb"qmgr\[[0-9]+\]: " + QUEUE_ID + rb": removed\n|"
    rb"smtpd\[[0-9]+\]: (?:connect from |disconnect from |lost connection after )|"
    rb"cleanup\[[0-9]+\]: " + _VALUE + rb": message-id=|"
    rb"smtp\[[0-9]+\]: (?:Trusted|Untrusted|Verified|Anonymous) TLS connection |"
    rb"(?:anvil|scache)\[[0-9]+\]: statistics: "
)
# A whole number: bytes are looked for in bytes by way of an exception (CPython's bytes_contains).
_NEWLINE = ord("\n")
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
        if time[-1:] != b" " or len(last) < 2 or not host:
            return None
        return cls(len(time) - 1 - len(last), len(last), host, tuple(instances))

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


def read_bulk(
    found: Found,
    chunk: bytes,
    *,
    form: Form,
    read_line: Callable[[bytes], object],
    is_exact: bool,
) -> bool:
    """Adds the facts of these whole lines but removals; `read_line` is given those that are not
    read here. Not `is_exact`: other programs' lines are not all counted.

    False: what was added is not to be trusted, read them otherwise. No log of a mail server does
    that: something runs over a line's end, or one daemon says what is another's to say.
    """
    deliver, queue, accept = found.events.append, found.queued.append, found.accepted.append
    # A match begins with the end of the line before: so the first line has none.
    read_line(chunk[: chunk.find(b"\n")])
    for it in _pattern(form, is_exact).findall(chunk):
        at, name, daemon, id_, body, to, relay, delay, parts, dsn, status, text, size, by, line = it
        if line:
            read_line(line)
        elif status:
            if daemon not in _DELIVERERS or _NEWLINE in at or _NEWLINE in body:
                return False
            event = (at, name, daemon, id_, to, relay, delay, parts, dsn, status, text)
            deliver(made(Delivery, event))
        elif size:
            if daemon not in _QUEUE_MANAGERS:
                return False
            queue((name + id_, size))
        else:
            if daemon not in _DOORS:
                return False
            accept((name, by, b"", id_))
    return True


def removed_of(chunk: bytes, form: Form) -> list[tuple[bytes, bytes]]:
    """Instance and id of the messages that left the queue by lines that `read_bulk` passed over."""
    return _removed_pattern(form).findall(chunk)


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _pattern(form: Form, is_exact: bool) -> re.Pattern[bytes]:
    """Groups: the fields of a Delivery, before the recipient's that of all between the queue id and
    the text; the size, the client, and a line that is read in no other way.
    """
    before, instances = form.before(is_exact=is_exact), b"|".join(map(re.escape, form.instances))
    passed = rb"(?:" + instances + rb")/(?:" + _QUIET + rb")"
    if not is_exact:
        # All of Postfix's tags have a slash. The first byte tells most of them that they are not
        # meant; other tags that begin with it are read by others.
        initials = b"".join(re.escape(name[:1]) for name in form.instances)
        passed += rb"|[^ /" + initials + rb"][^ /]*: "
    fact = (
        rb"(" + before + rb")(" + instances + rb")/([a-z]+)\[[0-9]+\]: "
        rb"(" + QUEUE_ID + rb"): (?:" + b"|".join((_DELIVERY, _QUEUED, _CLIENT)) + rb")(?=\n)"
    )
    return re.compile(rb"\n(?!" + before + rb"(?:" + passed + rb"))(?:" + fact + rb"|(.+))")


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _removed_pattern(form: Form) -> re.Pattern[bytes]:
    instances = b"|".join(map(re.escape, form.instances))
    before = form.before(is_exact=True)
    return re.compile(rb"\n" + before + rb"(" + instances + rb")/" + _REMOVED)
