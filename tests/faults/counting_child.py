"""The account in a process of its own, to be killed. Started as a module by the test beside it.

Reads one line a round on stdin: the agent's clock. Forks a process that opens the state and counts
the log until it is killed; says its id on stdout. The fork saves the interpreter's start.
"""

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.state import State
from tests.maillog_bed import ADDRESS

HASTE = 100


def count(folder: Path, now: datetime) -> None:
    state = State.open(folder / "state.db", now=now)
    account = Accounting(Logs.of(folder / "mail.log"), state, whose=Whose(ADDRESS))
    began = time.monotonic()
    deadline = began + 60  # should the test be gone
    turn = 0
    while (present := time.monotonic()) < deadline:
        # Its clock is quick: so that many a round sees commits of its own.
        if not account.step(now + timedelta(seconds=HASTE * (present - began))):
            time.sleep(0.001)
        turn += 1
        if turn % 7 == 0:
            state.next_sequence()
            state.acknowledged(state.sequence, events_upto=0)


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            count(folder, datetime.fromisoformat(line.strip()))
            os._exit(1)
        say(child)
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
