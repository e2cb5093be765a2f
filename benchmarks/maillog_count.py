"""The agent's own account of one log, from its first byte to its last, with a real state file.

    python -m benchmarks.maillog_count LOG

Says the totals, and the peak of memory above what there was before, as JSON. Nothing is imported
that the account does not need.
"""

import json
import os
import shutil
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from agent import garbage
from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.state import State

BEFORE = datetime(2026, 11, 1, tzinfo=timezone.utc)  # of all lines of maillog_lines
NOW = datetime(2026, 11, 10, tzinfo=timezone.utc)
STEPS_STILL = 100  # without news, and we have read all there is


def main(log: Path) -> None:
    garbage.calm()  # as the daemon does
    folder = log.with_name(f"{log.name}.{os.getpid()}")
    folder.mkdir()
    try:
        print(json.dumps(count(log, folder=folder)))
    finally:
        shutil.rmtree(folder)


def count(log: Path, *, folder: Path) -> dict[str, object]:
    named = folder / "mail.log"
    state = State.open(folder / "state.db", now=BEFORE)
    account = Accounting(Logs.of(named), state, whose=Whose("198.51.100.9"))
    # There is no log yet: what comes is read from its beginning.
    account.step(BEFORE)
    idle = _memory_kib("VmRSS")
    os.link(log, named)
    now, still = NOW, 0
    while still < STEPS_STILL:
        now += timedelta(milliseconds=50)
        still = 0 if account.step(now) else still + 1
    account.commit(now)
    cells, intake = state.known().cells, state.known().intake
    account.close()
    totals = {"received": sum(one.messages for one in intake), "rejected": 0}
    for cell in cells:
        totals["rejected"] += cell.rejected
        for outcome, attempts in cell.attempts.items():
            totals[outcome.value] = totals.get(outcome.value, 0) + attempts
    state.close()
    # Not getrusage(2)'s: that begins with the memory of whoever started us.
    peak = _memory_kib("VmHWM")
    return {"totals": totals, "lines": account.lines_read, "peak_mib": (peak - idle) / 1024}


def _memory_kib(field: str) -> int:
    """Of this process (proc_pid_status(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
