"""A mail log that a test writes and rotates, and the account of it in a real state file.

The truth is kept beside: what every delivery line ever written says.
"""

import os
import shutil
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.state import State
from deliverability.replies import Outcome
from demo import grammar
from demo.grammar import Attempt, Form, Message, Voice

UTC = timezone.utc
START = datetime(2026, 11, 22, 9, 0, 0, tzinfo=UTC)
ADDRESS = "198.51.100.9"
STATUSES = ("sent", "sent", "sent", "deferred", "bounced")
RELAYS = (
    ("google", "aspmx.l.google.com[142.250.27.26]:25"),
    ("yahoo", "mta7.am0.yahoodns.net[98.136.96.91]:25"),
    ("firm.example", "mx.firm.example[203.0.113.7]:25"),
)

Totals = Counter[tuple[str, str]]


class Log:
    """The log being written. Its clock goes on by `tick` with every line; times are its own."""

    def __init__(self, path: Path, *, form: Form = Form.RFC3164, start: datetime = START) -> None:
        self.path = path
        self.truth: Totals = Counter()
        self.at = start
        self.tick = timedelta(milliseconds=250)
        self.written = 0
        self._voice = Voice(form=form)

    def write(self, count: int) -> None:
        """So many deliveries, each with a neighbour's line, in one write."""
        with self.path.open("ab") as file:
            file.write(b"".join(self.lines(count)))

    def lines(self, count: int) -> list[bytes]:
        """Lines that count as written."""
        return [part for _ in range(count) for part in self._delivery()]

    def _delivery(self) -> list[bytes]:
        self.written += 1
        self.at += self.tick
        receiver, relay = RELAYS[self.written % len(RELAYS)]
        status = STATUSES[self.written % len(STATUSES)]
        self.truth[receiver, status] += 1
        message = Message(
            queue_id=grammar.queue_id(self.at, self.written),
            sender="news@shop.example",
            message_id=f"{self.written}@shop.example",
        )
        attempt = Attempt(recipient=f"u{self.written}@x.example", relay=relay, status=status)
        return [
            grammar.cleanup(self._voice, self.at, message=message),
            grammar.delivery(self._voice, self.at, message=message, attempt=attempt),
        ]

    def rename(self, name: str = "") -> Path:
        """Rotates as logrotate does by default: .1 to .2, …, the log to .1; or to the name given.

        Does not create the new log.
        """
        target = self.path.with_name(name or f"{self.path.name}.1")
        if not name:
            _shift(self.path)
        self.path.rename(target)
        return target

    def copytruncate(self) -> Path:
        target = self.path.with_name(f"{self.path.name}.1")
        _shift(self.path)
        shutil.copy2(self.path, target)
        os.truncate(self.path, 0)
        return target

    @property
    def now(self) -> datetime:
        """The agent's clock, a little ahead of the log's."""
        return self.at + timedelta(seconds=1)


class Bed:
    """A log, a state file, and the account between them."""

    def __init__(self, folder: Path, *, form: Form = Form.RFC3164) -> None:
        self.log = Log(folder / "mail.log", form=form)
        self.state = State.open(folder / "state.db", now=START)
        self.account = self.new_account()

    def new_account(self) -> Accounting:
        return Accounting(Logs.of(self.log.path), self.state, whose=Whose(ADDRESS))

    def restart(self) -> None:
        self.account.close()
        self.account = self.new_account()

    def read(self) -> None:
        """Reads all there is, and rests at the end as long as a rotation takes."""
        read_all(self.account, self.log.now)

    @property
    def totals(self) -> Totals:
        return totals(self.state)

    def gaps(self) -> list[str]:
        events = self.state.events_unacknowledged(10_000)
        return [event.text for event in events if event.window is not None]

    def close(self) -> None:
        self.account.close()
        self.state.close()


def begin(bed: Bed, count: int = 3) -> None:
    """A log that was there before us, none of it counted."""
    bed.log.write(count)
    bed.read()
    bed.log.truth.clear()


def read_all(account: Accounting, now: datetime, *, rest: int = 4) -> None:
    still = 0
    while still < rest:
        still = 0 if account.step(now) else still + 1
    account.commit(now)


def totals(state: State) -> Totals:
    """Over all instances."""
    counted: Totals = Counter()
    for cell in state.cells():
        for outcome, count in cell.attempts.items():
            if outcome in Outcome and count:
                counted[cell.key.receiver, outcome.value] += count
    return counted


def _shift(path: Path) -> None:
    numbered = [
        (int(found.suffix[1:]), found)
        for found in path.parent.glob(f"{path.name}.*")
        if found.suffix[1:].isdigit()
    ]
    for number, found in sorted(numbered, reverse=True):
        found.rename(path.with_name(f"{path.name}.{number + 1}"))
