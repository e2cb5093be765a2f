"""Many lines at once: the commonest facts, and the commonest lines without one, by one pattern.

A pattern that goes over a whole chunk costs less than any loop over its lines. What it does not
read in full it hands back in its place, as it is: nothing is guessed, nothing is passed over.

Whoever counts and does not ask for other programs' lines is served by a quicker one. It looks at
fewer bytes of what begins a line: a fact may seem to begin a line earlier, which is looked for.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from agent.maillog.lines import Delivery, made
from agent.maillog.parse_delivery import QUEUE_ID, read_delivery
from agent.maillog.parse_found import Found
from agent.maillog.parse_message import read_queue_manager, read_smtpd
from agent.maillog.parse_tags import Tags, read_nothing
from agent.maillog.parse_trouble import read_foreign

FORMS_KEPT_MAX = 32

# Sets of single bytes: a class like \s, or a branch, is asked anew for each byte.
_WORD = rb"[^, \t\n\r\f\v]"
_MAILBOX = rb"[^\"> \t\n\r\f\v]*"  # without quotes and blanks: those are read one by one

_DELIVERY = (
    rb"to=<(" + _MAILBOX + rb")>, (?:orig_to=<" + _MAILBOX + rb">, )?relay=(" + _WORD + rb"*), "
    rb"(?:conn_use=[0-9]+, )?delay=(" + _WORD + rb"+), delays=(" + _WORD + rb"*), "
    rb"(?:tls=" + _WORD + rb"*, )?dsn=(" + _WORD + rb"*), status=(sent|deferred|bounced) \((.*)\)"
)
_QUEUED = rb"from=<" + _MAILBOX + rb">, size=([0-9]{1,12}), nrcpt=[0-9]+ \(queue active\)"
_CLIENT = rb"client=(" + _WORD + rb"+(?:, sasl_method=[^,\n]*, sasl_username=[^,\n]+)?)"
_QUIET = (
    rb"smtpd\[[0-9]+\]: (?:connect from |disconnect from |lost connection after )|"
    rb"cleanup\[[0-9]+\]: " + QUEUE_ID + rb": message-id=|"
    rb"smtp\[[0-9]+\]: (?:Trusted|Untrusted|Verified|Anonymous) TLS connection |"
    rb"(?:anvil|scache)\[[0-9]+\]: statistics: "
)


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
    """Adds the facts of these whole lines; `read_line` is given those that are not read here.

    Not `is_exact`: other programs' lines are not all counted. False: what was added is not to be
    trusted, read them otherwise. No log of a mail server does that: something runs over a line's
    end, or one daemon says what is another's to say.
    """
    deliver, queue, remove, accept = (
        found.events.append,
        found.queued.append,
        found.removed.append,
        found.accepted.append,
    )
    # A match begins with the end of the line before: so the first line has none.
    read_line(chunk[: chunk.find(b"\n")])
    for one in _pattern(form, is_exact).findall(chunk):
        stamp, name, id_, to, relay, delay, parts, dsn, status, text, size, client, rest, line = one
        if not name:
            read_line(line)
            continue
        reader, instance, daemon, tag = _tags[name]
        if status and reader is read_delivery:
            if b"\n" in stamp:
                return False
            event = (stamp, instance, daemon, id_, to, relay, delay, parts, dsn, status, text)
            deliver(made(Delivery, event))
        elif size and reader is read_queue_manager:
            queue((instance + id_, size))
        elif client and reader is read_smtpd:
            accept((instance, client.partition(b", ")[0], b"", id_))
        elif id_ and reader is read_queue_manager and not (status or client):
            remove((instance, id_))
        elif reader is read_foreign:
            found.foreign += 1
        elif id_ or reader is read_nothing or b"\n" in stamp:
            return False
        else:
            line = b"%b%b %b" % (stamp, name, rest)
            reader(found, line, tag=tag, body=len(line) - len(rest))
    return True


_tags = Tags()


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _pattern(form: Form, is_exact: bool) -> re.Pattern[bytes]:
    before = form.before(is_exact=is_exact)
    names = b"|".join(map(re.escape, form.instances))
    quiet = rb"(?!(?:" + names + rb")/(?:" + _QUIET + rb"))"
    # The colon belongs to the tag: a repetition right before what ends it is not tried again. All
    # of Postfix's tags have a slash.
    tag = rb"([^ ]*:) " if is_exact else rb"([^ ]*/[^ ]*:) "
    facts = rb"(" + QUEUE_ID + rb"): (?:" + b"|".join((_DELIVERY, _QUEUED, b"removed", _CLIENT))
    ours = rb"(" + before + rb")" + quiet + tag + rb"(?:" + facts + rb")(?=\n)|(.*))"
    return re.compile(rb"\n(?:" + ours + rb"|(?!" + before + rb"[^ ]*: )(.+))")
