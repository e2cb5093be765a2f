"""Several mail logs of one clock in a folder, and one account of them in a real state file."""

from datetime import timedelta
from pathlib import Path

from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.state import State
from demo.grammar import Form
from tests.maillog_bed import ADDRESS, START, Log, Totals, read_all, totals


class Several:
    """Some logs of one clock in a folder, and one account of them."""

    def __init__(self, folder: Path, *patterns: str, form: Form) -> None:
        self.folder = folder / "logs"
        self.folder.mkdir()
        self.patterns = tuple(f"{self.folder}/{pattern}" for pattern in patterns)
        self.logs: list[Log] = []
        self.now = START
        self._form = form
        self.state = State.open(folder / "state.db", now=START)
        self.account = self.new_account()

    def new_account(self) -> Accounting:
        return Accounting(Logs(patterns=self.patterns), self.state, whose=Whose(ADDRESS))

    def log(self, name: str) -> Log:
        log = Log(self.folder / name, form=self._form)
        self.logs.append(log)
        return log

    def write(self, log: Log, count: int = 3) -> None:
        log.at = self.now = max(self.now, log.now)
        log.write(count)
        self.now = log.now

    def later(self, by: timedelta) -> None:
        self.now += by

    def read(self) -> None:
        read_all(self.account, self.now)

    def begin(self) -> None:
        """What there was is not counted."""
        self.read()
        for log in self.logs:
            log.truth.clear()

    def restart(self, *patterns: str) -> None:
        self.account.close()
        if patterns:
            self.patterns = tuple(f"{self.folder}/{pattern}" for pattern in patterns)
        self.account = self.new_account()

    @property
    def truth(self) -> Totals:
        return sum((log.truth for log in self.logs), Totals())

    @property
    def totals(self) -> Totals:
        return totals(self.state)

    @property
    def gaps(self) -> list[str]:
        return [event.text for event in self.state.events_unacknowledged(999) if event.window]

    def close(self) -> None:
        self.account.close()
        self.state.close()
