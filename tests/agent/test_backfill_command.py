"""`mailfleet-agent backfill` as it is typed: a bar, a stop in the middle, twice, and dry."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.state import State
from demo.grammar import Form
from tests.agent.test_maillog_packed import compress
from tests.maillog_bed import ADDRESS, Bed, Totals

DAYS = 6
A_DAY = 1_500  # deliveries; enough that a stop comes in the middle
SECONDS = 60


class Node:
    """A node whose log was rotated daily, the older ones compressed, before its agent came."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bed = Bed(folder, form=Form.RFC3339)
        bed.log.tick = timedelta(days=1) / A_DAY
        for day in range(DAYS):
            bed.log.write(A_DAY)
            rotated = bed.log.rename(f"mail.log-2026112{day}")
            os.utime(rotated, (bed.log.at.timestamp(),) * 2)
            if day < DAYS - 2:
                compress(rotated)
        bed.log.write(100)
        bed.log.at += timedelta(minutes=1)
        self.truth = +bed.log.truth
        bed.read()  # the agent comes
        bed.log.write(50)
        bed.read()
        self.counted, self.now = bed.totals, bed.log.now
        bed.close()
        (folder / "agent.toml").write_text(
            f'[collector]\nhost = "c.example"\n[node]\nstate = "{folder}"\n'
            f'addresses = ["{ADDRESS}"]\n[postfix]\nlog = "{bed.log.path}"\n'
        )

    def start(self, *words: str, stderr: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", "agent", "backfill", "--days", "31", *words)
        environment = os.environ | {"MAILFLEET_CONFIG": str(self.folder / "agent.toml")}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr)

    def fill(self, *words: str) -> dict[str, object]:
        with self.start("-o", "json", *words) as child:
            told, said = child.communicate(timeout=SECONDS)
        assert child.returncode == 0, said
        found: dict[str, object] = json.loads(told)
        return found

    def past(self) -> Totals:
        state = State.open(self.folder / "state.db", now=self.now)
        rows = state._file.rows("SELECT receiver, outcome, sum(attempts) FROM past GROUP BY 1, 2")
        state.close()
        return Counter({(receiver, outcome): count for receiver, outcome, count in rows})

    def totals(self) -> int:
        state = State.open(self.folder / "state.db", now=self.now)
        counted = sum(sum(cell.attempts.values()) for cell in state.cells())
        state.close()
        return counted


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_twice_fills_once_and_dry_nothing(node: Node) -> None:
    dry = node.fill("--dry-run")
    assert not node.past()
    first, again = node.fill(), node.fill()
    assert first == again == dry | {"is_dry_run": False}
    assert dry["attempts"] == {
        outcome: sum(n for (_, o), n in node.truth.items() if o == outcome)
        for outcome in sorted({o for _, o in node.truth})
    }
    assert node.past() == node.truth
    assert node.totals() == sum(node.counted.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda one: one.name)
def test_stopped_in_the_middle_and_done_again(node: Node, number: signal.Signals) -> None:
    for wait in (0.0, 0.2, 0.5):
        ours, theirs = pty.openpty()
        with node.start(stderr=theirs) as child:
            os.close(theirs)
            shown = _read(ours, until=b"reading")
            time.sleep(wait)
            child.send_signal(number)
            child.wait(SECONDS)
        assert b"reading" in shown
        os.close(ours)
        past = node.past()
        assert all(count <= node.truth[key] for key, count in past.items())
    assert node.fill()["minutes"]
    assert node.past() == node.truth


def test_the_bar_reaches_its_end(node: Node) -> None:
    ours, theirs = pty.openpty()
    with node.start("--dry-run", stderr=theirs) as child:
        os.close(theirs)
        shown = _read(ours, until=b"100%")
        told, _ = child.communicate(timeout=SECONDS)
    os.close(ours)
    assert b"100%" in shown
    assert told.startswith(b"would fill 2026-")


def _read(terminal: int, *, until: bytes) -> bytes:
    """What is shown there, up to this or to its end."""
    shown = b""
    end = time.monotonic() + SECONDS
    while until not in shown and time.monotonic() < end:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        with suppress(OSError):  # EIO: nobody writes there any more
            piece = os.read(terminal, 4096)
            shown += piece
            if piece:
                continue
        break
    return shown
