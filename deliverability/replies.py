"""What became of one delivery attempt, why, and whose fault that is. Pure; knows no clock.

The rules stand in `replies.tsv` beside this file. Bytes in, because a remote may say anything;
nothing here raises on any of them, and what is kept of them is bounded.
"""

import re
from enum import Enum
from functools import lru_cache

from deliverability import receivers, replies_rules
from deliverability.replies_classes import Fault as Fault
from deliverability.replies_classes import ReplyClass as ReplyClass
from deliverability.replies_classes import fault_of as fault_of


class Outcome(Enum):
    """The outcome of one attempt for one recipient."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    OURS = "ours"


# The word after `status=` in a delivery line (bounce(8), Postfix's log_adhoc()). SOFTBOUNCE is a
# refusal that soft_bounce=yes turned into another try. Address probes (deliverable, undeliverable)
# carry no mail and have no outcome.
BY_STATUS = {
    b"sent": Outcome.SENT,
    b"deferred": Outcome.DEFERRED,
    b"SOFTBOUNCE": Outcome.DEFERRED,
    b"bounced": Outcome.BOUNCED,
    b"expired": Outcome.EXPIRED,
    b"force-expired": Outcome.EXPIRED,
}
# The longer words are said where the answer was not kept (postconf(5), address_verify_map).
PROBES = frozenset(
    word + kept for word in (b"deliverable", b"undeliverable") for kept in (b"", b"-but-not-cached")
)

# An enumeration's member costs more to look up than all the rest of what is remembered.
_DEFERRED = Outcome.DEFERRED
_BOUNCED = Outcome.BOUNCED

# error(8) and retry answer for a next hop that was not asked: a transport map's error:, a
# transport in defer_transports, a destination the queue manager takes for dead.
# The queue manager and cleanup bounce or defer what nobody was asked about, too.
UNASKED = frozenset((b"error", b"retry", b"qmgr", b"oqmgr", b"nqmgr", b"cleanup"))
UNASKED_TEXTS = (b"delivery temporarily suspended", b"deferred transport")
# smtp_connect(): a content filter or a mailbox server on this machine that is not there.
_NOBODY_HOME = re.compile(rb"connect to [^\s\[]*\[(?:127\.[0-9.]+|::1|[^\]\s]*/[^\]\s]*)\]")

TEXT_BYTES_MAX = 1024  # of a text that are read; the longest replies known, of Gmail, have 700
DSN_BYTES_MAX = 9  # RFC 3463, 2: 5.999.999; what is longer says nothing
KEPT_MAX = 512  # replies remembered with their class
REDACTED_LENGTH_MAX = 500
HIDDEN = "***"
NAME_LENGTH_MIN = 2  # a shorter one is everywhere

# smtp(8) before what the remote said: `host name[address] said: 550 …`.
_SAID = (b"] said: ", b"] refused to talk to me: ")
_COMMAND = b" (in reply to "
_BRACKET_BYTES_MIN = 16  # shorter ones are somebody's codes: [TSS04]
_GMAIL = b"gsmtp"  # what Gmail ends with, a session's name before it: `… x12si34.7 - gsmtp`
_BEFORE_NAMES = frozenset(' <>()[],;:"@')
_UNKNOWN_USER = re.compile(r'(unknown user: )"[^"]*"?')  # local(8)

_DISTINCT = frozenset((receivers.LOCAL, *replies_rules.RULES))

# What at home fails to take mail is ours: a content filter, a full disk, a command.
_OURS_AT_HOME = frozenset(
    (
        ReplyClass.NETWORK,
        ReplyClass.DNS,
        ReplyClass.TLS,
        ReplyClass.PROTOCOL,
        ReplyClass.RATE_LIMITED,
        ReplyClass.UNKNOWN,
    )
)


def outcome_of(daemon: bytes, *, status: bytes, text: bytes) -> Outcome | None:
    """What one delivery line says; None for an address probe or a word we do not know.

    `text` is what stands in the parentheses. A message that ran out of time has expired, whoever
    says so; all else that no receiver was asked about is OURS, or a pause of ours would count as
    the receiver's deferrals.
    """
    outcome = BY_STATUS.get(status)
    if outcome is None or outcome is Outcome.EXPIRED:
        return outcome
    if daemon in UNASKED:
        return Outcome.OURS
    if outcome is Outcome.DEFERRED and (
        text.startswith(UNASKED_TEXTS) or _NOBODY_HOME.match(text) is not None
    ):
        return Outcome.OURS
    return outcome


def classify(*, receiver: str, outcome: Outcome, dsn: bytes, text: bytes) -> ReplyClass:
    """Why one attempt failed. Never raises; UNKNOWN when no rule fits, and for a success.

    `receiver` is a name of `receivers.receiver_of`, `dsn` Postfix's own code, `text` what stands in
    the parentheses of a delivery line. The same arguments give the same class always.
    """
    if outcome is _DEFERRED or outcome is _BOUNCED:
        # Postfix before 2.3 names none; of a deferral at least the first figure is known.
        if not dsn:
            dsn = b"4.0.0" if outcome is _DEFERRED else b"5.0.0"
        dsn = dsn if len(dsn) <= DSN_BYTES_MAX else b""
        # All others have the same rules, and often the same words.
        return _classify((receiver if receiver in _DISTINCT else "", dsn, essence(text)))
    if outcome is Outcome.OURS:
        return ReplyClass.LOCAL
    return ReplyClass.EXPIRED if outcome is Outcome.EXPIRED else ReplyClass.UNKNOWN


@lru_cache(maxsize=KEPT_MAX)
def _classify(said: tuple[str, bytes, bytes]) -> ReplyClass:
    """Of a receiver, a dsn and a reply. (One value: a cache takes several names for slow.)"""
    receiver, dsn, reply = said
    rule = replies_rules.rule_for(receiver, reply, dsn=dsn)
    found = rule.reply_class if rule is not None else ReplyClass.UNKNOWN
    if receiver == receivers.LOCAL and found in _OURS_AT_HOME:
        return ReplyClass.LOCAL
    return found


def essence(text: bytes) -> bytes:
    """The reply without what differs from message to message, as far as that costs little.

    Without: the host's name before it, the first word with an @, a session's name at its end.
    All that is judged of a reply is judged by this.
    """
    if len(text) > TEXT_BYTES_MAX:
        text = text[:TEXT_BYTES_MAX]
    if text.startswith(b"host "):
        for said in _SAID:
            place = text.find(said)
            if place >= 0:
                text = text[place + len(said) :]
                break
    place = text.find(b"@")
    if place >= 0:
        after = text.find(b" ", place)
        text = text[: text.rfind(b" ", 0, place) + 1] + (text[after:] if after >= 0 else b"")
    end = text.rfind(_COMMAND)
    if end < 0:
        end = len(text)
    last = text[end - 5 : end]
    if last == _GMAIL:
        return text[: text.rfind(b" ", 0, end - len(" - gsmtp")) + 1] + text[end:]
    if last[-1:] == b"]":
        place = text.rfind(b"[", 0, end)
        if 0 <= place < end - _BRACKET_BYTES_MIN and b"/" not in text[place:end]:
            return text[:place] + text[end:]
    return text


def redact(text: bytes, *, recipient: bytes = b"") -> str:
    """The text for people: mailbox names hidden, safe to print, REDACTED_LENGTH_MAX at most.

    Control characters, such as turn text around, and broken UTF-8 become question marks. With the
    `recipient` of the line its name is hidden also where it stands without a domain.
    """
    is_cut = len(text) > TEXT_BYTES_MAX
    shown = "".join(
        character if character.isprintable() and character != "\ufffd" else "?"
        for character in text[:TEXT_BYTES_MAX].decode("utf-8", "replace")
    )
    shown = _without_names(shown, name=_name(recipient))
    if not is_cut and len(shown) <= REDACTED_LENGTH_MAX:
        return shown
    # What a cut leaves may be the first half of an address; what ends before a blank is not.
    return shown[: REDACTED_LENGTH_MAX - 1].rpartition(" ")[0] + "…"


def _name(recipient: bytes) -> str:
    name = recipient.rpartition(b"@")[0][:TEXT_BYTES_MAX]
    return name.decode("utf-8", "replace").strip('"')


def _without_names(shown: str, *, name: str) -> str:
    *before, last = shown.replace("%40", "@").split("@")
    shown = "@".join((*map(_without_last_name, before), last))
    shown = _UNKNOWN_USER.sub(rf"\1{HIDDEN}", shown)
    if len(name) >= NAME_LENGTH_MIN:
        alone = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
        shown = alone.sub(HIDDEN, shown)
    return shown


def _without_last_name(before: str) -> str:
    """What stands before an @, without the mailbox's name at its end. Linear in any text."""
    end = len(before)
    if before.endswith('"'):
        quote = before.rfind('"', 0, end - 1)
        if quote >= 0:
            return before[:quote] + HIDDEN
        end -= 1
    while end and before[end - 1] not in _BEFORE_NAMES:
        end -= 1
    return before[:end] + HIDDEN if end < len(before) else before
