"""Full disks: nothing is lost, nothing counted twice, and the node can still say what it lacks."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent import state_counts
from agent.maillog.position import LogPosition
from agent.model import Counted, EventDraft, EventKind
from agent.state import State, StateError
from tests.maillog_bed import Bed

RECIPIENTS = 5_000  # deferred, of one account
SPREAD = 0x9E3779B97F4A7C15  # makes hashes of numbers
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import json, resource, signal, sys
from pathlib import Path
from tests.maillog_bed import Bed
from agent.state import StateError

bed = Bed(Path(sys.argv[1]))
bed.log.write(2)
bed.read()
bed.log.truth.clear()
size = resource.getrlimit(resource.RLIMIT_FSIZE)
failures = 0
for limit in (100, 4096, 60_000):
    bed.log.write(400)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, size[1]))
    for _ in range(5):
        try:
            bed.account.step(bed.log.now)
        except StateError as error:
            assert error.retryable, error
            failures += 1
    told = bed.totals
    resource.setrlimit(resource.RLIMIT_FSIZE, size)
    assert sum(told.values()) <= sum(bed.log.truth.values())
    bed.read()
    assert bed.totals == bed.log.truth, (bed.totals, bed.log.truth)
bed.close()
print(json.dumps({"failures": failures}))
"""

LINES = 50
# One life of an agent: as many heartbeats as lines.
LIFE = f"""
import json, os, signal, sys
from pathlib import Path
from agent.state import State
from tests.maillog_bed import START, Bed

folder, path, end = sys.argv[1:]
bed = Bed(Path(folder))
bed.close()
bed.state = State.open(Path(path), now=START)
bed.account = bed.new_account()
if bed.state.position is None:
    bed.log.write(1)
    bed.read()
for _ in range({LINES}):
    sequence = bed.state.next_sequence()
    bed.log.write(1)
    bed.read()
print(json.dumps({{"sequence": sequence, "counted": sum(bed.totals.values())}}), flush=True)
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
bed.close()
"""


def test_a_disk_that_refuses_stops_counting_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on file sizes, in a process of its own: every kind of write fails for a while."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout)["failures"] >= 5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Not a byte is left."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    assert os.statvfs(disk).f_bavail == 0
    return path


@pytest.mark.needs("root")
def test_a_full_disk_does_not_stop_the_nodes_report(small_disk: Path, tmp_path: Path) -> None:
    """The blocks were taken beforehand: sequence, totals and position still reach the disk."""
    bed = Bed(tmp_path)
    bed.close()
    bed.state = State.open(small_disk / "state.db", now=NOW)
    bed.account = bed.new_account()
    bed.log.write(2)
    bed.read()
    bed.log.truth.clear()
    fill(small_disk)
    for turn in range(1, 301):
        bed.log.write(3)
        bed.read()
        assert bed.state.next_sequence() == turn
    assert bed.totals == bed.log.truth
    bed.close()


@pytest.mark.needs("root")
@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_restart_on_a_full_disk(small_disk: Path, tmp_path: Path, end: str) -> None:
    """It comes up, numbers its heartbeats and counts; again and again, however it ended."""
    for turn in range(6):
        child = subprocess.run(
            [sys.executable, "-c", LIFE, str(tmp_path), str(small_disk / "state.db"), end],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert child.returncode == (-signal.SIGKILL if end == "kill" else 0), child.stderr
        fill(small_disk)
        told = json.loads(child.stdout)
        assert told == {"sequence": LINES * (turn + 1), "counted": LINES * (turn + 1)}


@pytest.mark.needs("root")
def test_what_no_room_is_left_for_is_not_counted_and_the_rest_goes_on(
    small_disk: Path, tmp_path: Path
) -> None:
    """An account that grows may not take the last pages: the node could not say why it is ill."""
    bed = Bed(tmp_path)
    bed.close()
    state = State.open(small_disk / "state.db", now=NOW)
    state.start_counting(position=LogPosition(), counted_from=NOW)
    filler = fill(small_disk)
    rounds = 0

    def count() -> None:
        first = rounds * RECIPIENTS
        some = range(first + 1, first + RECIPIENTS + 1)
        counted = Counted(opened=[one * SPREAD % 2**64 for one in some])
        state.count(position=LogPosition(), counted_to=NOW, counted=counted)

    with suppress(StateError):
        while rounds < 100:
            count()
            rounds += 1
    assert 3 < rounds < 100
    with pytest.raises(StateError, match="no room to grow") as caught:
        count()
    assert caught.value.retryable
    draft = EventDraft(kind=EventKind.CONVERGED, at=NOW, text="x" * 100)
    for turn in range(1, 301):
        assert state.next_sequence() == turn
        state.acknowledged(turn, events_upto=0)
        if turn % 10 == 0:
            state.add_events([draft])
    filler.unlink()
    count()
    state.close()
    state = State.open(small_disk / "state.db", now=NOW)
    found = state_counts.open_recipients(state._file)
    assert len(found) == (rounds + 1) * RECIPIENTS
    state.close()


@pytest.mark.needs("root")
def test_a_state_file_made_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """No room at all: a clear error, and all is well when there is room again."""
    bed = Bed(tmp_path)
    bed.close()
    filler = fill(small_disk)
    with pytest.raises(StateError) as caught:
        State.open(small_disk / "state.db", now=NOW)
    assert caught.value.retryable
    filler.unlink()
    bed.state = State.open(small_disk / "state.db", now=NOW)
    bed.account = bed.new_account()
    bed.log.write(2)
    bed.read()
    bed.close()


@pytest.mark.needs("root")
def test_a_first_start_on_a_full_disk_says_what_it_needs(small_disk: Path, tmp_path: Path) -> None:
    """Nothing was counted yet and nothing is lost: the unit tries again until there is room."""
    config = tmp_path / "agent.toml"
    config.write_text(
        f"""
        [collector]
        host = "127.0.0.1"
        [node]
        state = "{small_disk}"
        addresses = ["198.51.100.7"]
        [postfix]
        log = "{tmp_path / "mail.log"}"
        """
    )
    filler = fill(small_disk)
    done = subprocess.run(
        [sys.executable, "-m", "agent.daemon"],
        cwd=ROOT,
        env={**os.environ, "MAILFLEET_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    (said,) = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert (done.returncode, said["event"]) == (1, "cannot use the state file")
    assert str(small_disk) in said["problem"]
    assert "full" in said["problem"] or "No space left" in said["problem"]
    assert said["remedy"].startswith("make room")
    unit = (ROOT / "systemd/mailfleet-agent.service").read_text().splitlines()
    assert {"Restart=on-failure", "StartLimitIntervalSec=0", "RestartPreventExitStatus=2"} <= {
        *unit
    }
    filler.unlink()
    State.open(small_disk / "state.db", now=NOW).close()
