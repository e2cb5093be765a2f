"""Many lines at once: the commonest facts, and the commonest lines without one, by one pattern.

A pattern that goes over a whole chunk costs less than any loop over its lines. What it does not
read in full it hands back in its place, as it is: nothing is guessed, nothing is passed over.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from agent.maillog.lines import Accepted, Delivery, Queued, Removed, made
from agent.maillog.parse_delivery import DELIVERERS, QUEUE_ID
from agent.maillog.parse_found import Found

FORMS_KEPT_MAX = 32
_MAILBOX = rb"[^\">\n]*"  # without quotes: those are read one by one
_SMTPD = b"smtpd"

_DELIVERY = (
    rb"(" + b"|".join(DELIVERERS) + rb")\[\d+\]: (" + QUEUE_ID + rb"): to=<(" + _MAILBOX + rb")>, "
    rb"(?:orig_to=<" + _MAILBOX + rb">, )?relay=([^,\n]*), (?:conn_use=\d+, )?"
    rb"delay=([^,\n]+), delays=([^,\n]*), (?:tls=[^\s,]*, )?dsn=([^,\n]*), "
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
    """How lines begin: the length of what stands before the host, the host, the instances seen."""

    host_at: int
    host: bytes
    instances: tuple[bytes, ...]


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
        else:
            read_line(fields[18])


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _pattern(form: Form) -> re.Pattern[bytes]:
    before = rb".{%d}%b" % (form.host_at, re.escape(form.host + b" " if form.host else b""))
    names = b"|".join(map(re.escape, form.instances))
    facts = b"|".join((_DELIVERY, _QUEUE, _CLIENT))
    return re.compile(
        rb"\n(?!" + before + b"(?:" + names + b")/(?:" + _QUIET + b"))"
        b"(?:(" + before + b")(" + names + b")/(?:" + facts + rb")(?=\n)|(.+)(?=\n))"
    )
