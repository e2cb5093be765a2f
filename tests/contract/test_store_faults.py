"""The store when things go wrong: killed, out of disk, locked, broken, cancelled."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from collector.adapters import store
from collector.ports import StoreError
from tests.store_bed import (
    HandClock,
    beat,
    cell,
    enrol,
    ip,
    node_id,
    opened,
    pool_of,
)

ROOT = Path(__file__).resolve().parents[2]
NODES = range(1, 9)


def start(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.store_writer", str(folder), str(len(NODES))]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def acknowledged(output: bytes) -> dict[int, int]:
    """Node number -> highest sequence whose acknowledgement was written whole."""
    highest: dict[int, int] = {}
    for line in output.split(b"\n")[:-1]:
        number, sequence = (int(word) for word in line.split())
        highest[number] = max(sequence, highest.get(number, 0))
    return highest


@pytest.mark.parametrize("commits", [3, 11, 24])
async def test_killed_amid_commits_it_keeps_every_acknowledged_heartbeat(
    tmp_path: Path, commits: int
) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    seen = b""
    while seen.count(b"\n") < commits * len(NODES):
        seen += os.read(process.stdout.fileno(), 4096)
    process.kill()
    seen += process.communicate(timeout=10)[0]
    acks = acknowledged(seen)
    assert min(acks.values()) >= commits - 1
    async with opened(tmp_path) as journal:
        for number in NODES:
            account = await journal.account(node_id(number))
            assert account is not None
            # One heartbeat may be committed whose acknowledgement the kill cut off.
            assert account.sequence in (acks[number], acks[number] + 1)
            (row,) = await journal.nodes(node=node_id(number))
            counted = {"sent": 10 * account.sequence, "deferred": account.sequence}
            shown = row["totals"]
            assert isinstance(shown, list)
            (told,) = shown
            assert (told["address"], told["receiver"]) == (ip(number), "gmail")
            assert told["attempts"] == counted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Six megabytes of their own."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=True, timeout=10
    )
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=10)


@pytest.mark.needs("root")
async def test_a_full_disk_withholds_the_ack_and_passes(small_disk: Path) -> None:
    async with opened(small_disk) as journal:
        await enrol(journal, NODES, await pool_of(journal))
        await journal.record(beat(1, 1, cells=[cell(ip(1), "gmail", sent=1)]))
        fill(small_disk / "filler")
        errors = await until_refused(journal)
        assert all(isinstance(error, StoreError) and error.retryable for error in errors), errors
        (small_disk / "filler").unlink()
        account = await journal.account(node_id(1))
        assert account is not None
        again = account.sequence + 1
        await asyncio.gather(*(journal.record(beat(number, again)) for number in NODES))
        account = await journal.account(node_id(1))
        assert account is not None
        assert account.sequence == again


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"\0" * 4096)


async def until_refused(journal: store.SqlStore) -> list[BaseException]:
    """Heartbeats of many cells until a group finds no room; bounded."""
    for sequence in range(2, 40):
        cells = [cell(ip(1), f"receiver-{sequence}-{n}", sent=1) for n in range(200)]
        outcomes = await asyncio.gather(
            journal.record(beat(1, sequence, cells=cells)),
            journal.record(beat(2, sequence)),
            return_exceptions=True,
        )
        errors = [outcome for outcome in outcomes if outcome is not None]
        if errors:
            assert len(errors) == len(outcomes)
            return errors
    raise AssertionError("the disk never filled")


async def test_one_collector_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StoreError, match=f"another collector .*process {os.getpid()}") as held:
            await store.open(tmp_path, HandClock())
        assert not held.value.retryable
    async with opened(tmp_path):
        pass


async def test_a_killed_collector_leaves_no_lock(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(StoreError):
        await store.open(tmp_path, HandClock())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    async with opened(tmp_path):
        pass


async def test_what_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"a letter to the editor" * 100)
    with pytest.raises(StoreError, match="not a database") as error:
        await store.open(tmp_path, HandClock())
    assert not error.value.retryable
    assert (tmp_path / "journal.db").read_bytes().startswith(b"a letter")


async def test_broken_samples_lose_charts_and_nothing_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, NODES, await pool_of(journal))
    (tmp_path / "samples.db").write_bytes(b"a letter to the editor" * 100)
    async with opened(tmp_path) as journal:
        await journal.record(beat(1, 1))
    assert (tmp_path / "samples.db.broken").exists()


async def test_samples_gone_while_running_cost_no_heartbeat(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, NODES, await pool_of(journal))
        with sqlite3.connect(tmp_path / "samples.db") as history:
            history.execute("DROP TABLE samples")
        history.close()
        await journal.record(beat(1, 1))
        account = await journal.account(node_id(1))
        assert account is not None
        assert account.sequence == 1


async def test_whoever_stops_waiting_disturbs_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, NODES, await pool_of(journal))
        tasks = [asyncio.create_task(journal.record(beat(number, 1))) for number in NODES]
        await asyncio.sleep(0)
        tasks[0].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert outcomes[1:] == [None] * (len(NODES) - 1)


async def test_what_waits_is_committed_before_it_closes(tmp_path: Path) -> None:
    journal = await store.open(tmp_path, HandClock())
    await enrol(journal, NODES, await pool_of(journal))
    waiting = asyncio.create_task(journal.record(beat(1, 1)))
    await asyncio.sleep(0)
    await journal.close()
    await waiting
    with pytest.raises(StoreError):
        await journal.record(beat(1, 2))
    async with opened(tmp_path) as again:
        account = await again.account(node_id(1))
        assert account is not None
        assert account.sequence == 1


@pytest.mark.parametrize("ending", ["close", "forget"])
def test_the_process_ends_within_seconds(tmp_path: Path, ending: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.store_bed import HandClock, opened, pool_of\n"
        "from collector.adapters import store\n"
        "async def main():\n"
        "    journal = await store.open(Path(sys.argv[1]), HandClock())\n"
        "    await pool_of(journal)\n"
        "    if sys.argv[2] == 'close':\n"
        "        await journal.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), ending]
    subprocess.run(command, cwd=ROOT, timeout=20, check=True)


async def test_our_own_mistake_ends_the_writer_and_says_so_to_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await enrol(journal, NODES, await pool_of(journal))
        wrong = replace(cell(ip(1), "gmail", sent=1), attempts=(("sent", 1),))  # type: ignore[arg-type]
        outcomes = await asyncio.gather(
            journal.record(beat(1, 1, cells=[wrong])),
            journal.record(beat(2, 1)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [StoreError, StoreError]
        for later in (journal.record(beat(3, 1)), journal.prune()):
            with pytest.raises(StoreError, match="the writer ended: AttributeError") as error:
                await later
            assert not error.value.retryable
