"""What a reply means and what helps, for people: the same rules, said in sentences.

Takes a bare reply ("421-4.7.28 …"), what Postfix writes in parentheses, or a whole delivery line
of its log. Keeps nothing, asks nobody. The agent classifies and never explains: what only people
read stays out of its memory.
"""

import re
from dataclasses import dataclass

from deliverability import receivers, replies, replies_rules
from deliverability.replies_classes import Fault, ReplyClass, fault_of

TEXT_LENGTH_MAX = 65_536  # a longer line is nobody's

# Words by which a receiver is known where no host name of it stands in the text.
_SIGNS = {
    "google": ("gsmtp", "gmail", "google", "421 4 7 28"),
    "microsoft": ("outlook com", "s3140", "s3150", "5 7 515", "office 365", "microsoft"),
    "yahoo": ("yahooinc", "yahoo", "tss04", "tss05", "tss09", "tss11", "aol"),
    "apple": ("icloud", "support apple com", "hcm1", "hme1", "bs02", "cs01", "cs02", "hm08"),
    "comcast": ("comcast", "xfinity"),
    "orange": ("ofr", "orange fr", "wanadoo fr"),
    "gmx": ("postmaster gmx", "postmaster web de", "nemesis"),
    "t-online": ("t online de",),
    "mimecast": ("mimecast",),
    "proofpoint": ("pphosted", "ppe hosted"),
    "zoho": ("zoho",),
    "yandex": ("yandex", "ya cc"),
    "mail.ru": ("mail ru",),
    "qq": ("qq com",),
    "163": ("163 com", "126 com", "netease"),
}

# Class: what it means, and what helps as a rule.
SENTENCES = {
    ReplyClass.INVALID_RECIPIENT: (
        "The mailbox does not exist",
        "Remove the recipient; many of these mean an old or bought list",
    ),
    ReplyClass.MAILBOX_FULL: (
        "The mailbox is full",
        "Let the queue retry; remove who stays full for weeks",
    ),
    ReplyClass.INACTIVE: (
        "The mailbox is disabled or given up",
        "Remove the recipient; such addresses become spam traps",
    ),
    ReplyClass.BAD_DOMAIN: (
        "The recipient's domain takes no mail or does not exist",
        "Remove the recipients of this domain; check its spelling",
    ),
    ReplyClass.SENDER_AUTH: (
        "The sender is not authenticated: SPF, DKIM, DMARC, PTR or the sender's domain",
        "Check the domain's SPF, DKIM and DMARC records and the address's PTR record",
    ),
    ReplyClass.REPUTATION_BLOCK: (
        "The receiver blocks the sending address or domain for its reputation",
        "Stop sending there, find the cause (complaints, traps, unknown users), ask for delisting",
    ),
    ReplyClass.RATE_LIMITED: (
        "More connections or messages than the receiver takes from this sender",
        "Send slower to this receiver and retry later; it lifts by itself",
    ),
    ReplyClass.CONTENT: (
        "The content filter refuses this message",
        "Look at links, attachments, size and wording; compare with messages that got through",
    ),
    ReplyClass.POLICY: (
        "A rule of the receiver refuses the message or the sender",
        "Read the reply and what it links to; ask the receiver's postmaster",
    ),
    ReplyClass.GREYLIST: (
        "The receiver puts the first attempt off to see whether it is repeated",
        "Nothing to do: the next attempt from the same address succeeds",
    ),
    ReplyClass.NETWORK: (
        "The receiver was not reached, or has a problem of its own",
        "Nothing if it passes; if many receivers fail, check port 25 and the network of the node",
    ),
    ReplyClass.DNS: (
        "A name could not be resolved",
        "Nothing if it passes; if many domains fail, check the node's resolver",
    ),
    ReplyClass.TLS: (
        "No TLS session came about that satisfies both sides",
        "Check smtp_tls_security_level, TLS policy and DANE or MTA-STS of this receiver",
    ),
    ReplyClass.PROTOCOL: (
        "Both sides disagree about the protocol or the message's form",
        "Look at the command named in the reply, and at how the message is composed",
    ),
    ReplyClass.EXPIRED: (
        "The message was too old and was given up",
        "Look at the earlier deferrals of this message",
    ),
    ReplyClass.LOCAL: (
        "This node itself held or failed the message; no receiver was asked",
        "Look at the node: its transports, pauses, disk and services",
    ),
    ReplyClass.UNKNOWN: (
        "No rule knows this reply",
        "Read it; if it comes often, report it so that it gets a rule",
    ),
}
assert SENTENCES.keys() == set(ReplyClass)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`smtp`, `enhanced`: the remote's codes, empty when it gave none. `receiver` is empty when
    unknown. `rule` says in words what decided; `source` and `dated` where that is known from and
    when it was read, empty without a rule. `text` is redacted."""

    reply_class: ReplyClass
    fault: Fault
    receiver: str
    smtp: str
    enhanced: str
    meaning: str
    remedy: str
    rule: str
    source: str
    dated: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What a delivery line says; of a bare reply only `text`, the rest empty."""

    daemon: bytes = b""
    recipient: bytes = b""
    relay: bytes = b""
    dsn: bytes = b""
    status: bytes = b""
    text: bytes


_DIAGNOSTIC = re.compile(rb"\A(?:diagnostic-code: )?(?:x-)?[a-z]{1,9}; ", re.IGNORECASE)
_TAG = re.compile(rb"/([a-z]+)\[\d+\]: ")
_PAIRS = {
    "recipient": re.compile(rb"\bto=<?([^>,]*)"),
    "relay": re.compile(rb"\brelay=([^,]*)"),
    "dsn": re.compile(rb"\bdsn=([\d.]*)"),
    "status": re.compile(rb"\bstatus=([A-Za-z-]+)"),
}
_HOST = re.compile(
    rb"(?:^host |[ ;]host |^connect to |connection with |conversation with )([\w.-]+)"
)


def explain(text: str, *, receiver: str = "") -> Explanation:
    """Class, meaning and remedy of a reply or of a whole delivery line of Postfix's log.

    Without a receiver it is guessed from the text.
    """
    line = _line(text[:TEXT_LENGTH_MAX].encode("utf-8", "replace").strip())
    receiver = receiver or _guess(line)
    reply = replies.essence(line.text)
    codes = replies_rules.codes_of(reply, dsn=line.dsn)
    outcome = _outcome(line, codes)
    reply_class = replies.classify(receiver=receiver, outcome=outcome, dsn=line.dsn, text=line.text)
    rule = replies_rules.rule_for(receiver, reply, dsn=line.dsn)
    if rule is not None and rule.reply_class is not reply_class:
        rule = None  # the outcome decided, or the place: not a rule
    meaning, remedy = SENTENCES[reply_class]
    row = _row(rule.row) if rule is not None else ["", "", "", "", "", "", "", ""]
    return Explanation(
        reply_class=reply_class,
        fault=fault_of(reply_class),
        receiver=receiver,
        smtp=codes.smtp,
        enhanced=codes.enhanced,
        meaning=row[4] or meaning,
        remedy=row[5] or remedy,
        rule=_why(rule, row) if rule is not None else _why_without(reply_class, outcome),
        source=row[6],
        dated=row[7],
        text=replies.redact(line.text, recipient=line.recipient),
    )


def _line(text: bytes) -> _Line:
    """The parts of a delivery line; all of it is the text when it is none."""
    head, parenthesis, said = text.partition(b" (")
    if b"status=" not in head or not parenthesis:
        return _Line(text=_bare(text))
    tag = _TAG.search(head)
    pairs = {name: found[1] for name, pair in _PAIRS.items() if (found := pair.search(head))}
    return _Line(daemon=tag[1] if tag else b"", text=said.removesuffix(b")"), **pairs)


def _bare(text: bytes) -> bytes:
    """A reply as a bounce quotes it: `<address>: host name[address] said: …`, `smtp; 550 …`."""
    place = text.find(b"host ")
    if place > 0 and b"] said: " in text[place:]:
        return text[place:]
    return _DIAGNOSTIC.sub(b"", text, count=1)


def _outcome(line: _Line, codes: replies_rules.Codes) -> replies.Outcome:
    known = replies.outcome_of(line.daemon, status=line.status, text=line.text)
    if known is not None:
        return known
    if not line.status and codes.smtp[:1] in {"2", "3"}:
        return replies.Outcome.SENT
    if line.text.startswith(replies.UNASKED_TEXTS):
        return replies.Outcome.OURS
    return replies.Outcome.BOUNCED


def _guess(line: _Line) -> str:
    """By the relay, a host named in the text, a sign of the receiver; empty when nothing fits."""
    host = line.relay.partition(b"[")[0]
    if host in {b"", b"none"}:
        found = _HOST.search(line.text)
        host = found[1] if found else b""
    by_host = receivers.receiver_of(
        relay_host=host.decode("ascii", "replace"),
        recipient_domain=line.recipient.rpartition(b"@")[2].decode("ascii", "replace"),
    )
    if by_host != receivers.UNKNOWN:
        return by_host
    said = replies_rules.plain(line.text[: replies.TEXT_BYTES_MAX]).decode("utf-8", "replace")
    for receiver, signs in _SIGNS.items():
        if any(f" {sign} " in said for sign in signs):
            return receiver
    return ""


def _row(number: int) -> list[str]:
    return next(row for at, row in enumerate(replies_rules.read(8)) if at == number)


def _why(rule: replies_rules.Rule, row: list[str]) -> str:
    """Such as: `google, code x.7.28`; `any receiver, "blocked using"`."""
    of = "any receiver" if row[0] == replies_rules.ANY else row[0]
    parts = [f"code {rule.code}"] if rule.code else []
    if rule.fragments:
        words = " … ".join(fragment.decode().strip() for fragment in rule.fragments)
        parts.append(f'"{words}"')
    return f"{of}, {' and '.join(parts)}"


def _why_without(reply_class: ReplyClass, outcome: replies.Outcome) -> str:
    if outcome is replies.Outcome.SENT:
        return "a success has no class"
    return "no rule fits" if reply_class is ReplyClass.UNKNOWN else f"outcome: {outcome.value}"
