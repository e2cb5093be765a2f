"""Who the demo's mail is for, and what becomes of an attempt: odds by receiver, from one seed."""

import random
from dataclasses import dataclass, field

from demo.grammar import BOUNCED, DEFERRED, SENT, Attempt, Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A receiver: its domain, its MX as the log names it, and its share of the mail."""

    domain: str
    relay: str
    share: int
    # Of 1,000 attempts.
    deferred: int = 10
    bounced: int = 5
    deferral: str = "451 4.3.2 Please try again later"
    bounce: str = "550 5.1.1 The email account that you tried to reach does not exist"


DESTINATIONS = (
    Destination(
        domain="gmail.com",
        relay="gmail-smtp-in.l.google.com[203.0.113.27]:25",
        share=45,
        deferral="421-4.7.28 Our system has detected an unusual rate of mail",
    ),
    Destination(
        domain="outlook.com",
        relay="outlook-com.olc.protection.outlook.com[203.0.113.33]:25",
        share=25,
        bounce="550 5.5.0 Requested action not taken: mailbox unavailable",
    ),
    Destination(
        domain="yahoo.com",
        relay="mta5.am0.yahoodns.net[203.0.113.74]:25",
        share=12,
        deferred=25,
        deferral="421 4.7.0 [TSS04] Messages temporarily deferred",
    ),
    Destination(domain="gmx.de", relay="mx00.gmx.net[203.0.113.8]:25", share=8),
    Destination(domain="orange.fr", relay="smtp-in.orange.fr[203.0.113.9]:25", share=5),
    Destination(domain="shop.example", relay="mx.shop.example[203.0.113.90]:25", share=5),
)


@dataclass(slots=True)
class Odds:
    """The demo's chance, repeatable from its seed."""

    seed: int
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # chance, not secrecy

    def wait(self, per_second: float) -> float:
        """Seconds until the next message of a steady stream."""
        return self._random.expovariate(per_second)

    def between(self, least: float, *, most: float) -> float:
        return self._random.uniform(least, most)

    def destination(self) -> Destination:
        (chosen,) = self._random.choices(DESTINATIONS, [one.share for one in DESTINATIONS])
        return chosen

    def recipient(self, destination: Destination) -> str:
        return f"reader{self._random.randrange(100_000)}@{destination.domain}"

    def attempt(self, destination: Destination, recipient: str, *, waited: float) -> Attempt:
        """One attempt with its outcome and its delays."""
        drawn = self._random.randrange(1000)
        delays = Delays(
            before=waited,
            queued=0.01,
            connecting=self.between(0.05, most=0.4),
            transmitting=self.between(0.1, most=1.2),
        )
        status, dsn, reply = SENT, "2.0.0", "250 2.0.0 OK"
        if drawn < destination.bounced:
            status, dsn, reply = BOUNCED, "5.1.1", _said(destination, destination.bounce)
        elif drawn < destination.bounced + destination.deferred:
            status, dsn, reply = DEFERRED, "4.3.2", _said(destination, destination.deferral)
        return Attempt(
            recipient=recipient,
            relay=destination.relay,
            status=status,
            dsn=dsn,
            reply=reply,
            delays=delays,
        )


def _said(destination: Destination, reply: str) -> str:
    relay = destination.relay.rpartition(":")[0]
    return f"host {relay} said: {reply} (in reply to RCPT TO command)"
