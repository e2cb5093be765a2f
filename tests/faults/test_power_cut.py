"""The power is cut at any moment: what state and log lost is counted anew, or a gap tells of it.

After the cut the disk holds what was synced, and of the rest any part (`power_cut`). The totals are
then those of an independent recount of the log that is left, or a gap says from when to when.
"""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults import power_cut
from tests.faults.power_cut import Call, Disk
from tests.maillog_bed import RELAYS, START, Bed, begin

CUTS = 2000 if os.environ.get("SOAK") else 80
ROOT = Path(__file__).resolve().parents[2]
AFTER = timedelta(hours=1)
_DELIVERY = re.compile(rb"relay=([^,]*), .* status=(\w+) \([^\n]*\)\n")


@dataclass(frozen=True)
class Recorded:
    before: dict[str, bytes]
    calls: list[Call]

    def cut(self, after: int) -> Disk:
        disk = Disk(self.before)
        for call in self.calls[:after]:
            disk.play(call)
        return disk


Record = Callable[[str], Recorded]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    def make(how: str) -> Recorded:
        folder = tmp_path / "recorded"
        folder.mkdir()
        bed = Bed(folder)
        begin(bed)
        bed.close()
        before = {one.name: one.read_bytes() for one in folder.iterdir()}
        said = tmp_path / "calls"
        child = [sys.executable, "-m", "tests.faults.power_child", str(folder), how]
        subprocess.run([*power_cut.recorder(said), *child], cwd=ROOT, check=True, timeout=60)
        return Recorded(before, power_cut.calls(said, folder))

    return make


@pytest.mark.needs("strace")
@pytest.mark.timeout(1800 if os.environ.get("SOAK") else 90)
def test_totals_are_the_logs_or_a_gap_says_so(tmp_path: Path, record: Record) -> None:
    recorded = record("synced")
    assert sum(call.name == "fdatasync" for call in recorded.calls) > 80
    seed = random.randrange(1 << 32)
    troubles = cut_often(recorded, tmp_path, seed=seed, cuts=CUTS)
    assert not troubles, f"seed {seed}: {troubles}"


@pytest.mark.needs("strace")
@pytest.mark.timeout(90)
def test_without_syncs_it_would_be_seen(tmp_path: Path, record: Record) -> None:
    """The same cuts of a process that does not wait for its disk."""
    recorded = record("unsynced")
    troubles = cut_often(recorded, tmp_path, seed=7, cuts=25)
    assert len(troubles) >= 5


def cut_often(recorded: Recorded, folder: Path, *, seed: int, cuts: int) -> list[str]:
    """What was wrong, cut by cut."""
    dice = random.Random(seed)
    first = next(n for n, call in enumerate(recorded.calls) if "marks" in call.files)
    troubles = []
    for number in range(cuts):
        # The start is mostly a file being laid out; the commits come after it.
        after = dice.randrange(first if number % 4 else 0, len(recorded.calls) + 1)
        disk = recorded.cut(after)
        place = folder / f"cut{number}"
        place.mkdir()
        log = lay_out(disk, place, dice)
        trouble = restart(place, disk, log)
        if trouble:
            troubles.append(f"cut {number} after call {after}: {trouble}")
    return troubles


def lay_out(disk: Disk, place: Path, dice: random.Random) -> bytes:
    """Writes what is left; of the log, which nobody syncs, what was written first. Returns that."""
    for name, file in disk.files.items():
        if not name.endswith("-shm") and name not in power_cut.APPENDED:
            (place / name).write_bytes(file.survivor(dice))
    log = disk.files["mail.log"]
    whole, kept = log.whole(), len(log.synced)
    lost = dice.choice((0, 0, 300, 3000, len(whole)))
    left = whole[: max(kept, len(whole) - dice.randrange(lost + 1))]
    begun = left.rfind(b"status=", left.rfind(b"\n") + 1)
    left = left if begun < 0 else left[:begun]  # whether half an outcome counts is not asked here
    zeroes = bytes((len(whole) - len(left)) * (dice.random() < 0.2))
    (place / "mail.log").write_bytes(left + zeroes)
    return left


def restart(place: Path, disk: Disk, log: bytes) -> str:
    """Empty when the account is right."""
    marks = disk.files["marks"].whole().split() if "marks" in disk.files else []
    written = recount(disk.files["mail.log"].whole()[len(disk.files["mail.log"].synced) :])
    left = recount(log[len(disk.files["mail.log"].synced) :])
    bed = Bed(place)
    try:
        kept = bed.totals.total()
        if marks and kept < int(marks[-1]):
            return f"of {int(marks[-1])} that were committed {kept} are left"
        bed.log.at, bed.log.written = START + AFTER, 100_000
        bed.log.write(2)
        bed.read()
        found, gaps = bed.totals, bed.gaps()
        events = [event.text for event in bed.state.events_unacknowledged(1000)]
        if any("corrupt" in text for text in events):
            return f"the state was lost: {events}"
        ours = max(kept, len(left)) if gaps else len(left)
        wanted = Counter(written[:ours]) + bed.log.truth
    finally:
        bed.close()
    if kept > len(left) and not gaps:
        return f"{kept} were counted, {len(left)} are left in the log, and no gap says so"
    if found == wanted:
        return ""
    too_much, missing = found - wanted, wanted - found
    return f"{too_much} too much, {missing} missing; {kept} counted, {len(left)} left; gaps {gaps}"


def recount(log: bytes) -> list[tuple[str, str]]:
    """Receiver and outcome of each delivery, in their order."""
    receivers = {relay.encode(): name for name, relay in RELAYS}
    return [(receivers[relay], status.decode()) for relay, status in _DELIVERY.findall(log)]
