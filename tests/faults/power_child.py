"""An account whose writes are recorded, to be replayed by halves. Started by the test beside it.

Writes a log, counts it and commits, round by round, in one process. After each commit that returned
it says how many deliveries are in it, by a write to `marks`: so that it stands among the others.
"""

import os
import sys
from pathlib import Path

from agent import state_schema
from tests.maillog_bed import START, Bed

ROUNDS = 70
UNSYNCED = "PRAGMA synchronous = OFF"


def main() -> None:
    folder, synced = Path(sys.argv[1]), sys.argv[2] == "synced"
    if not synced:
        vars(state_schema)["PRAGMAS"] = (*state_schema.PRAGMAS, UNSYNCED)
    marks = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT)
    bed = Bed(folder)
    bed.log.at, bed.log.written = START, 1000
    for number in range(ROUNDS):
        bed.log.write(1 + number % 3)
        bed.read()
        if number % 5 == 0:
            bed.state.next_sequence()
        os.write(marks, b"%d\n" % bed.totals.total())
    os._exit(0)  # no clean end: the machine stops


if __name__ == "__main__":
    main()
