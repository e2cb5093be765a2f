"""Many lines at once: the commonest facts, and the commonest lines without one, by one pattern.

A pattern that goes over a whole chunk costs less than any loop over its lines. What it does not
read in full it hands back in its place, as it is: nothing is guessed, nothing is passed over.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from agent.maillog.lines import Accepted, Delivery, Queued, Removed, made
from agent.maillog.parse_delivery import DELIVERERS, QUEUE_ID
from agent.maillog.parse_found import Found

FORMS_KEPT_MAX = 32
_MAILBOX = rb"[^\">\s]*"  # without quotes and blanks: those are read one by one
_SMTPD = b"smtpd"

_DELIVERY = (
    rb"(" + b"|".join(DELIVERERS) + rb")\[\d+\]: (" + QUEUE_ID + rb"): to=<(" + _MAILBOX + rb")>, "
    rb"(?:orig_to=<" + _MAILBOX + rb">, )?relay=([^,\s]*), (?:conn_use=\d+, )?"
    rb"delay=([^,\s]+), delays=([^,\s]*), (?:tls=[^\s,]*, )?dsn=([^,\s]*), "
    rb"status=(sent|deferred|bounced) \((.*)\)"
)
_QUEUE = (
    rb"qmgr\[\d+\]: (" + QUEUE_ID + rb"): (?:removed|"
    rb"from=<(" + _MAILBOX + rb")>, size=(\d+), nrcpt=(\d+) \(queue active\))"
)
_CLIENT = (
    rb"smtpd\[\d+\]: (" + QUEUE_ID + rb"): client=([^,\s]+)"
    rb"(, sasl_method=[^,\n]*, sasl_username=[^,\n]+)?"
)
_QUIET = (
    rb"smtpd\[\d+\]: (?:connect from |disconnect from |lost connection after )|"
    rb"cleanup\[\d+\]: " + QUEUE_ID + rb": message-id=|"
    rb"smtp\[\d+\]: (?:Trusted|Untrusted|Verified|Anonymous) TLS connection |"
    rb"(?:anvil|scache)\[\d+\]: statistics: "
)


class Form(NamedTuple):
    """How lines begin. `colons`: how many bytes of the time stand before, between and after its
    colons, the blank at its end among them; the host; the instances seen.
    """

    colons: tuple[int, ...]
    host: bytes
    instances: tuple[bytes, ...]

    @classmethod
    def of(cls, time: bytes, *, host: bytes, instances: Iterable[bytes]) -> "Form":
        return cls(tuple(map(len, time.split(b":"))), host, tuple(instances))

    @property
    def before(self) -> bytes:
        """A pattern of time and host. There is no blank behind a colon: that would end a tag; and
        nothing before the time: that would have to be taken away first.
        """
        first, *others = self.colons
        parts = (rb"[^: \n][^:\n]{%d}" % (length - 1) if length else b"" for length in others)
        host = re.escape(self.host + b" " if self.host else b"")
        return b":".join((rb"[^:\n\0<]{%d}" % first, *parts)) + host


def read_bulk(
    found: Found, chunk: bytes, *, form: Form, read_line: Callable[[bytes], object]
) -> None:
    """Adds the facts of these whole lines; `read_line` is given those that are not read here."""
    deliver, queue, remove, accept = (
        found.events.append,
        found.queued.append,
        found.removed.append,
        found.accepted.append,
    )
    # Stamp and instance; nine fields of a delivery; four of the queue manager's; three of smtpd's.
    for fields in _pattern(form).findall(b"\n" + chunk):
        if fields[2]:
            deliver(made(Delivery, fields[:11]))
        elif fields[13]:
            queue(made(Queued, (fields[1], *fields[11:15])))
        elif fields[11]:
            remove(made(Removed, (fields[1], fields[11])))
        elif fields[15]:
            accept(
                made(
                    Accepted,
                    (fields[1], _SMTPD, fields[15], fields[16], fields[17] != b"", b""),
                )
            )
        elif fields[0] or fields[1]:
            read_line(b"%b%b/%b" % (fields[0], fields[1], fields[18]))
        else:
            read_line(fields[19])


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _pattern(form: Form) -> re.Pattern[bytes]:
    before = form.before
    names = b"|".join(map(re.escape, form.instances))
    facts = b"|".join((_DELIVERY, _QUEUE, _CLIENT))
    # A quiet line is no match at all; of a line of ours that is no fact the body is left.
    ours = b"(" + before + b")(" + names + b")/(?!" + _QUIET + b")"
    others = b"(?!" + before + b"(?:" + names + b")/)"
    return re.compile(rb"\n(?:" + ours + b"(?:(?:" + facts + rb")(?=\n)|(.*))|" + others + b"(.+))")
