"""A real systemd journal, its truth, and the account of it in a real state file."""

import time
from datetime import timedelta
from pathlib import Path

from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs, Use
from agent.maillog.tally_whose import Whose
from agent.state import State
from demo.grammar import Form
from tests.journal_bed import RealJournal
from tests.maillog_bed import ADDRESS, START, Log, Totals, read_all, totals

PATIENCE_SECONDS = 10


class JournalBed:
    """A journal, its truth, and the account of it."""

    def __init__(self, folder: Path) -> None:
        self.journal = RealJournal(folder / "journal")
        self.log = Log(folder / "mail.log", form=Form.RFC3339)  # never written: makes the lines
        self.state = State.open(folder / "state.db", now=START)
        self.logs = Logs(use=Use.JOURNAL, journal=self.journal.folder)
        self.account = self.new_account()

    def new_account(self) -> Accounting:
        return Accounting(self.logs, self.state, whose=Whose(ADDRESS))

    def write(self, count: int, *, name: str = "system") -> None:
        self.journal.write(self.log.lines(count), name=name)

    def begin(self) -> None:
        self.write(3)
        read_all(self.account, self.log.now)
        assert self.state.position is not None
        self.log.truth.clear()

    def read(self) -> None:
        """Until the totals are the truth, or patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            read_all(self.account, self.log.now)
            self.log.at += timedelta(seconds=1)  # one that failed is opened again
            if self.state.position is not None and self.totals == self.log.truth:
                return
            time.sleep(0.02)

    @property
    def totals(self) -> Totals:
        return totals(self.state)

    def gaps(self) -> list[str]:
        return [event.text for event in self.state.events_unacknowledged(99) if event.window]

    def restart(self) -> None:
        self.account.close()
        self.account = self.new_account()

    def close(self) -> None:
        self.account.close()
        self.state.close()
