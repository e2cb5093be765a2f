"""Killed at any moment while the log is written and rotated: the totals are the log's."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from agent.model import NewEpoch
from agent.state import State
from demo.grammar import Form
from tests.maillog_bed import ADDRESS, START, Bed, Log, Totals

ROUNDS = 1000 if os.environ.get("SOAK") else 60
ROOT = Path(__file__).resolve().parents[2]


class Counting:
    """Starts counting processes and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @contextmanager
    def running(self, log: Log) -> Iterator[None]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(log.now.isoformat() + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        try:
            yield
        finally:
            os.kill(child, signal.SIGKILL)
            assert int(self._process.stdout.readline()) == -signal.SIGKILL, "it died by itself"


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Counting]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.counting_child", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Counting(process)


def act(log: Log, dice: random.Random, *, copies: bool = False) -> None:
    """What happens to a log: lines, parts of lines, rotations with a writer that notices late.

    `copies`: rotated by copytruncate instead of renaming.
    """
    turn = dice.random()
    if turn < 0.6 or not log.path.exists():
        log.write(dice.randrange(1, 60))
    elif turn < 0.8:
        for line in log.lines(dice.randrange(1, 4)):
            place = dice.randrange(len(line))
            with log.path.open("ab") as file:
                file.write(line[:place])
                file.flush()
                time.sleep(dice.random() * 0.002)
                file.write(line[place:])
    elif copies:
        log.copytruncate()
        log.write(dice.randrange(30))
    else:
        with log.path.open("ab") as writer:
            log.rename()
            time.sleep(dice.random() * 0.003)
            writer.write(b"".join(log.lines(dice.randrange(4))))
        if dice.random() < 0.7:
            log.path.touch()
            time.sleep(dice.random() * 0.002)
            log.write(dice.randrange(1, 30))


@pytest.mark.timeout(7200 if os.environ.get("SOAK") else 60)
@pytest.mark.parametrize("copies", [False, True], ids=["rename", "copytruncate"])
@pytest.mark.parametrize("form", list(Form), ids=lambda form: form.name)
def test_totals_are_the_logs(tmp_path: Path, counting: Counting, form: Form, copies: bool) -> None:
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    bed = Bed(tmp_path, form=form)
    bed.log.write(2)
    bed.read()
    bed.log.truth.clear()
    bed.close()
    for number in range(1, ROUNDS // len(Form) + 1):
        with counting.running(bed.log):
            for _ in range(dice.randrange(6)):
                act(bed.log, dice, copies=copies)
            time.sleep(dice.random() * 0.05)
        for _ in range(dice.randrange(3)):
            act(bed.log, dice, copies=copies)
        if number % 10 == 0:
            compare(bed, seed)


def compare(bed: Bed, seed: int) -> None:
    """Reads the rest; then what is rotated may be forgotten."""
    bed.log.write(1)
    open_bed(bed)
    bed.read()
    assert bed.totals == bed.log.truth, f"seed {seed}"
    assert not bed.gaps(), f"seed {seed}"
    bed.close()
    for found in bed.log.path.parent.glob(f"{bed.log.path.name}.*"):
        found.unlink()


@pytest.mark.timeout(7200 if os.environ.get("SOAK") else 60)
def test_a_restored_state_counts_nothing_twice(tmp_path: Path, counting: Counting) -> None:
    """An older copy of the state comes back, again and again; the collector says where it stood.

    The sum over the epochs, each as far as the collector knows it, is the log.
    """
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    bed = Bed(tmp_path)
    bed.log.write(2)
    bed.read()
    bed.log.truth.clear()
    bed.close()
    known = Totals()
    for epoch in range(ROUNDS // 10):
        shutil.copy(tmp_path / "state.db", tmp_path / "snapshot")
        for _ in range(2):
            with counting.running(bed.log):
                act(bed.log, dice)
                time.sleep(dice.random() * 0.03)
        open_bed(bed)
        bed.read()
        known += bed.totals  # the last heartbeat that arrived
        position = bed.state.position
        assert position is not None
        asked = NewEpoch(log_position=position.to_bytes(), counted_to=bed.state.counted_to)
        bed.close()
        with counting.running(bed.log):
            act(bed.log, dice)  # counted or not: nobody heard of it
            time.sleep(dice.random() * 0.03)
        restore(tmp_path)
        with counting.running(bed.log):
            time.sleep(dice.random() * 0.02)
        open_bed(bed)
        begun = bed.account.restart_at(asked, epoch=f"epoch-{epoch}", now=bed.log.now)
        assert len(begun) == 1, f"a gap; seed {seed}"
        bed.close()
        bed.log.at += timedelta(seconds=1)
    open_bed(bed)
    bed.log.write(1)
    bed.read()
    assert known + bed.totals == bed.log.truth, f"seed {seed}"
    bed.close()


def open_bed(bed: Bed) -> None:
    bed.state = State.open(bed.log.path.with_name("state.db"), now=bed.log.now)
    bed.restart()


def restore(folder: Path) -> None:
    for name in ("state.db-wal", "state.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "snapshot", folder / "state.db")


def test_the_child_counts_what_the_test_counts(tmp_path: Path, counting: Counting) -> None:
    """The process that is killed does the work: a little waiting, and all is committed."""
    bed = Bed(tmp_path)
    bed.log.write(1)
    bed.read()
    bed.log.truth.clear()
    bed.close()
    with counting.running(bed.log):
        bed.log.write(50)
        time.sleep(0.5)
    bed.state = State.open(tmp_path / "state.db", now=START)
    assert bed.totals == bed.log.truth
    assert {cell.key.address for cell in bed.state.cells()} == {ADDRESS}
    bed.close()
