"""A sending node's mail log, as long as asked for, the same from the same seed; and what is in it.

Not measured itself. Of a thousand lines some 150 are deliveries; the rest is what stands between
them on a node that signs its mail and has mailboxes: clients, message ids, TLS, the queue manager,
refusals at the door, complaints, OpenDKIM and Dovecot.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from demo import grammar
from demo.grammar import Attempt, Delays, Form, Message, Voice
from demo.traffic import DESTINATIONS, Odds

BEGAN = datetime(2026, 11, 3, 0, 0, 0, tzinfo=timezone.utc)
CLIENTS = ("app1.example.net[10.0.0.5]", "app2.example.net[10.0.0.6]", "crm.example.org[10.0.1.9]")
_PROCESS = re.compile(rb"([a-z]+)\[\d+\]: ")
_SERVING = {b"smtpd": 0, b"smtp": 30_000, b"cleanup": 60_000}
STRANGERS = 400  # receivers that are nobody's provider


class Traffic:
    """Lines in the log's order; `truth` counts the statuses of what was written."""

    def __init__(self, *, form: Form, seed: int = 1, mean_gap: float = 0.12) -> None:
        self.truth: Counter[str] = Counter()
        self._voice = Voice(form=form)
        self._random = random.Random(seed)
        self._odds = Odds(seed)
        self._gap = mean_gap
        self._at = BEGAN
        self._number = 0

    def exchange(self) -> list[bytes]:
        """What is written about one message, one refusal, or something else."""
        self._at += timedelta(seconds=self._random.expovariate(1 / self._gap))
        self._number += 1
        drawn = self._random.random()
        if drawn < 0.04:
            lines = self._refusal()
        elif drawn < 0.09:
            lines = self._mailbox()
        elif drawn < 0.10:
            lines = self._complaint()
        else:
            lines = self._message()
        return [_PROCESS.sub(self._process, line, count=1) for line in lines]

    def _process(self, tag: re.Match[bytes]) -> bytes:
        """Processes that serve messages end after a hundred of them; five stand side by side."""
        if tag[1] not in _SERVING:
            return tag[0]
        began = _SERVING[tag[1]] + self._number // 500 * 5
        return b"%b[%d]: " % (tag[1], 2_000 + (began + self._random.randrange(5)) % 90_000)

    def _message(self) -> Iterator[bytes]:
        voice, at = self._voice, self._at
        is_long = self._random.random() < 0.5
        message = Message(
            queue_id=grammar.queue_id(at, 100_000 + self._number, is_long=is_long),
            sender=f"bounce-{self._number}@mail.shop.example",
            message_id=f"{at:%Y%m%d%H%M%S}.{self._random.randrange(1 << 40):x}@shop.example",
            size=self._random.randrange(1_500, 90_000),
            recipients=1 if self._random.random() < 0.92 else 5,
            client=self._random.choice(CLIENTS),
        )
        yield from grammar.received(voice, at, message=message)
        if self._random.random() < 0.4:
            text = f"{message.queue_id}: DKIM-Signature field added (s=s1, d=shop.example)"
            yield self._foreign(f"opendkim[811]: {text}")
        attempts = [self._attempt() for _ in range(message.recipients)]
        yield from self._tries(message, attempts)
        waiting = [one for one in attempts if one.status == grammar.DEFERRED]
        if waiting:
            yield grammar.qmgr_active(voice, self._at, message=message)
            yield from self._tries(message, [self._again(one) for one in waiting])

    def _tries(self, message: Message, attempts: list[Attempt]) -> Iterator[bytes]:
        for attempt in attempts:
            self.truth[attempt.status] += 1
        if self._random.random() < 0.6:
            yield grammar.tls_established(self._voice, self._at, relay=attempts[0].relay)
        yield from grammar.attempted(self._voice, self._at, message=message, attempts=attempts)

    def _attempt(self) -> Attempt:
        """Nine of ten to a provider, the tenth to somebody's own host."""
        if self._random.random() < 0.9:
            destination = self._random.choice(DESTINATIONS)
            made = self._odds.attempt(
                destination, self._odds.recipient(destination), waited=self._random.random() / 5
            )
            return made
        domain = f"firm{self._random.randrange(STRANGERS)}.example"
        return Attempt(
            recipient=f"office{self._random.randrange(100)}@{domain}",
            relay=f"mx.{domain}[203.0.113.{self._random.randrange(1, 250)}]:25",
            reply=f"250 2.0.0 Ok: queued as {self._random.randrange(1 << 44):X}",
            delays=Delays(before=self._random.random(), connecting=self._random.random()),
        )

    def _again(self, attempt: Attempt) -> Attempt:
        return Attempt(
            recipient=attempt.recipient, relay=attempt.relay, delays=Delays(before=310.0)
        )

    def _refusal(self) -> Iterator[bytes]:
        client = f"unknown[203.0.113.{self._random.randrange(1, 250)}]"
        yield grammar.smtpd_connect(self._voice, self._at, client=client)
        self.truth["rejected"] += 1
        yield grammar.smtpd_reject(
            self._voice, self._at, client=client, recipient=f"x{self._number}@other.example"
        )
        text = f"lost connection after RCPT from {client}"
        yield grammar.line(self._voice, self._at, daemon="smtpd", text=text)
        yield grammar.smtpd_disconnect(self._voice, self._at, client=client)

    def _mailbox(self) -> Iterator[bytes]:
        user = f"user{self._random.randrange(60)}@shop.example"
        yield self._foreign(
            f"dovecot: imap-login: Login: user=<{user}>, method=PLAIN, rip=203.0.113.7,"
            f" lip=10.0.0.1, mpid={self._number}, TLS, session=<{self._number:x}>"
        )
        yield self._foreign(f"dovecot: imap({user})<{self._number}>: Disconnected: Logged out in=9")

    def _complaint(self) -> Iterator[bytes]:
        text = "warning: hostname gone.example.org does not resolve to address 203.0.113.9"
        yield grammar.line(self._voice, self._at, daemon="smtpd", text=text)
        text = "statistics: max connection rate 3/60s for (smtp:10.0.0.5) at Nov  3 00:00:00"
        yield grammar.line(self._voice, self._at, daemon="anvil", text=text)

    def _foreign(self, text: str) -> bytes:
        return f"{grammar.stamp(self._voice, self._at)} mx1 {text}\n".encode()


def write(path: Path, *, lines: int, form: Form = Form.RFC3164) -> Counter[str]:
    """A log of at least so many lines, all exchanges whole; how many of which status are in it."""
    traffic, count = Traffic(form=form), 0
    with path.open("wb") as file:
        while count < lines:
            written = traffic.exchange()
            file.writelines(written)
            count += len(written)
    return traffic.truth
