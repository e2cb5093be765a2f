"""Postfix's log, spoken: functions that give whole lines as Postfix 3.7 writes them.

Pure: no clock, no chance, no file. Lines are bytes and end with a newline. What is said, when and
by whom are arguments; a `Voice` says where the log is written.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from enum import Enum
from zlib import crc32

BASE_52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


class Form(Enum):
    """How times are written."""

    RFC3164 = "Nov 22 09:33:50"
    RFC3339 = "2026-11-22T09:36:18.999383+00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One Postfix instance's log."""

    hostname: str = "mx1"
    syslog_name: str = "postfix"
    form: Form = Form.RFC3339
    zone: tzinfo = timezone.utc
    version: str = "3.7.11"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message in the queue. `client`: name[address] of who brought it."""

    queue_id: str
    sender: str
    message_id: str
    size: int = 2048
    recipients: int = 1
    client: str = "app1.example.net[10.0.0.5]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds before the queue manager, in it, connecting, transmitting."""

    before: float = 0.05
    queued: float = 0.01
    connecting: float = 0.4
    transmitting: float = 0.6

    @property
    def total(self) -> float:
        return self.before + self.queued + self.connecting + self.transmitting

    def __str__(self) -> str:
        parts = (self.before, self.queued, self.connecting, self.transmitting)
        return "/".join(map(seconds, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt for one recipient. `daemon` may carry its own syslog_name: postfix-out/smtp."""

    recipient: str
    relay: str = "none"
    status: str = "sent"
    dsn: str = "2.0.0"
    reply: str = "250 2.0.0 OK"
    delays: Delays = Delays()
    daemon: str = "smtp"
    original: str = ""
    connection_use: int = 1
    tls: str = ""


SENT, DEFERRED, BOUNCED = "sent", "deferred", "bounced"


def line(voice: Voice, at: datetime, *, daemon: str, text: str) -> bytes:
    """`daemon` is put behind the voice's syslog_name, unless it brings its own."""
    tag = daemon if "/" in daemon else f"{voice.syslog_name}/{daemon}"
    return f"{stamp(voice, at)} {voice.hostname} {tag}[{_pid(tag)}]: {text}\n".encode()


def stamp(voice: Voice, at: datetime) -> str:
    local = at.astimezone(voice.zone)
    if voice.form is Form.RFC3339:
        return local.isoformat(timespec="microseconds")
    return f"{local:%b} {local.day:2d} {local:%H:%M:%S}"


def smtpd_connect(voice: Voice, at: datetime, *, client: str) -> bytes:
    return line(voice, at, daemon="smtpd", text=f"connect from {client}")


def smtpd_disconnect(voice: Voice, at: datetime, *, client: str) -> bytes:
    commands = "ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
    return line(voice, at, daemon="smtpd", text=f"disconnect from {client} {commands}")


def smtpd_client(voice: Voice, at: datetime, *, message: Message) -> bytes:
    return line(voice, at, daemon="smtpd", text=f"{message.queue_id}: client={message.client}")


def smtpd_reject(voice: Voice, at: datetime, *, client: str, recipient: str) -> bytes:
    text = (
        f"NOQUEUE: reject: RCPT from {client}: 554 5.7.1 <{recipient}>: Relay access denied;"
        f" from=<a@example.org> to=<{recipient}> proto=ESMTP helo=<example.org>"
    )
    return line(voice, at, daemon="smtpd", text=text)


def cleanup(voice: Voice, at: datetime, *, message: Message) -> bytes:
    text = f"{message.queue_id}: message-id=<{message.message_id}>"
    return line(voice, at, daemon="cleanup", text=text)


def qmgr_active(voice: Voice, at: datetime, *, message: Message) -> bytes:
    text = (
        f"{message.queue_id}: from=<{message.sender}>, size={message.size},"
        f" nrcpt={message.recipients} (queue active)"
    )
    return line(voice, at, daemon="qmgr", text=text)


def qmgr_removed(voice: Voice, at: datetime, *, message: Message) -> bytes:
    return line(voice, at, daemon="qmgr", text=f"{message.queue_id}: removed")


def qmgr_expired(voice: Voice, at: datetime, *, message: Message) -> bytes:
    text = f"{message.queue_id}: from=<{message.sender}>, status=expired, returned to sender"
    return line(voice, at, daemon="qmgr", text=text)


def delivery(voice: Voice, at: datetime, *, message: Message, attempt: Attempt) -> bytes:
    """`at` is when the attempt ended."""
    original = f" orig_to=<{attempt.original}>," if attempt.original else ""
    use = f" conn_use={attempt.connection_use}," if attempt.connection_use > 1 else ""
    tls = f" tls={attempt.tls}," if attempt.tls else ""
    text = (
        f"{message.queue_id}: to=<{attempt.recipient}>,{original} relay={attempt.relay},{use}"
        f" delay={seconds(attempt.delays.total)}, delays={attempt.delays},{tls}"
        f" dsn={attempt.dsn}, status={attempt.status} ({attempt.reply})"
    )
    return line(voice, at, daemon=attempt.daemon, text=text)


def closed_by_us(recipient: str, *, waited: float) -> Attempt:
    """What `retry` says of mail whose transport stands in defer_transports."""
    return Attempt(
        recipient=recipient,
        status=DEFERRED,
        dsn="4.3.2",
        reply="deferred transport",
        delays=Delays(before=waited, queued=0.01, connecting=0, transmitting=0.01),
        daemon="retry",
    )


def bounce_notification(voice: Voice, at: datetime, *, message: Message, notice: str) -> bytes:
    text = f"{message.queue_id}: sender non-delivery notification: {notice}"
    return line(voice, at, daemon="bounce", text=text)


def tls_established(voice: Voice, at: datetime, *, relay: str) -> bytes:
    text = (
        f"Trusted TLS connection established to {relay}: TLSv1.3 with cipher"
        " TLS_AES_256_GCM_SHA384 (256/256 bits)"
    )
    return line(voice, at, daemon="smtp", text=text)


def master_reload(voice: Voice, at: datetime) -> bytes:
    text = f"reload -- version {voice.version}, configuration /etc/postfix"
    return line(voice, at, daemon="master", text=text)


def master_started(voice: Voice, at: datetime) -> bytes:
    text = f"daemon started -- version {voice.version}, configuration /etc/postfix"
    return line(voice, at, daemon="master", text=text)


def received(voice: Voice, at: datetime, *, message: Message) -> Iterator[bytes]:
    """A client brings a message, which enters the queue."""
    yield smtpd_connect(voice, at, client=message.client)
    yield smtpd_client(voice, at, message=message)
    yield cleanup(voice, at, message=message)
    yield qmgr_active(voice, at, message=message)
    yield smtpd_disconnect(voice, at, client=message.client)


def attempted(
    voice: Voice, at: datetime, *, message: Message, attempts: Iterable[Attempt]
) -> Iterator[bytes]:
    """The attempts, which ended at `at`, and what they mean for the message.

    A bounced recipient is told to the sender; a message without deferred ones leaves the queue.
    """
    statuses = set()
    for attempt in attempts:
        yield delivery(voice, at, message=message, attempt=attempt)
        statuses.add(attempt.status)
    if BOUNCED in statuses:
        notice = queue_id(at, int(crc32(message.queue_id.encode())))
        yield bounce_notification(voice, at, message=message, notice=notice)
    if DEFERRED not in statuses:
        yield qmgr_removed(voice, at, message=message)


def queue_id(at: datetime, inode: int, *, is_long: bool = True) -> str:
    """Long (enable_long_queue_ids): seconds and microseconds in base 52, z, the inode in base 51.

    Short: microseconds and the inode in hexadecimal.
    """
    if not is_long:
        return f"{at.microsecond:05X}{inode:X}"
    since = (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
    moment = _based(since, base=52, width=6) + _based(at.microsecond, base=52, width=4)
    return f"{moment}z{_based(inode, base=51, width=1)}"


def seconds(value: float) -> str:
    """Two digits that count, no finer than a hundredth (delay_logging_resolution_limit = 2)."""
    if value >= 9.95:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


def _based(number: int, *, base: int, width: int) -> str:
    digits = ""
    while number or len(digits) < width:
        number, digit = divmod(number, base)
        digits = BASE_52[digit] + digits
    return digits


def _pid(tag: str) -> int:
    return 1000 + crc32(tag.encode()) % 30_000
