"""How the journal is opened and read: whatever becomes of its files, of who may read, of memory."""

import ctypes
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from agent.filewatch import FileWatch
from agent.maillog import journal, journal_entries
from agent.maillog.journal_entries import Entries
from agent.maillog.news import News
from tests.journal_account import PATIENCE_SECONDS, JournalBed
from tests.maillog_bed import read_all

MAPPED_BYTES_MAX = 8 << 20
STEP_SECONDS_MAX = 0.2

pytestmark = pytest.mark.needs("systemd-journal-remote")


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[JournalBed]:
    bed = JournalBed(tmp_path)
    yield bed
    bed.close()


def test_where_reading_fails_it_is_opened_again(bed: JournalBed) -> None:
    bed.begin()
    bed.write(3)
    bed.read()
    entries_of(bed)._handle = ctypes.c_void_p()  # every call of the library is refused
    bed.write(3)
    bed.account.step(bed.log.now)
    assert "cannot read the journal: Invalid argument" in bed.account.problems[0]
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()
    assert not bed.account.problems


def test_a_damaged_file_keeps_nobody_from_the_others(bed: JournalBed) -> None:
    bed.begin()
    (bed.journal.folder / "system@x.journal").write_bytes(b"LPKSHHRH" + bytes(5000))
    bed.write(3)
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth


def test_a_folder_that_comes_later_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As /var/log/journal does where somebody makes it: the library that was opened before does
    not look there."""
    bed = JournalBed(tmp_path)
    bed.begin()
    later = tmp_path / "later"
    monkeypatch.setattr(journal, "places", lambda _: (bed.journal.folder, later))
    bed.restart()
    bed.write(2)
    bed.read()
    before = entries_of(bed)
    later.mkdir()
    bed.write(2)
    bed.read()
    read_all(bed.account, bed.log.now)
    bed.log.at += timedelta(seconds=2)
    bed.write(2)
    bed.read()
    assert entries_of(bed) is not before
    assert bed.totals == bed.log.truth
    assert not bed.gaps()
    bed.close()


def test_a_long_catch_up_takes_little_at_a_time_and_no_memory(
    bed: JournalBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.begin()
    bed.log.tick = timedelta(milliseconds=2)
    bed.restart()
    for number in range(3):
        bed.write(3000, name=f"system@{number}")
    mapped = [0]
    worst = 0.0
    while not mapped[-1] or bed.totals != bed.log.truth:
        before = time.thread_time()
        found = bed.account.step(bed.log.now)
        worst = max(worst, time.thread_time() - before)
        mapped.append(mapped_bytes(bed.journal.folder))
        if found is not News.MORE:
            bed.account.commit(bed.log.now)
            bed.log.at += timedelta(seconds=1)
    assert bed.account.lines_read == 18_000
    assert max(mapped) < MAPPED_BYTES_MAX < folder_bytes(bed.journal.folder)
    assert mapped[-1] < MAPPED_BYTES_MAX / 2
    assert worst < STEP_SECONDS_MAX


@pytest.fixture
def open_bed() -> Iterator[JournalBed]:
    """In a folder that everybody may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        bed = JournalBed(Path(place))
        yield bed
        bed.close()


@pytest.mark.needs("root")
def test_who_may_not_read_it_is_told_the_group(open_bed: JournalBed) -> None:
    bed = open_bed
    bed.write(2)
    for place in (bed.journal.folder, bed.journal.folder / "system.journal"):
        place.chmod(0o700)
        bed.restart()
        with somebody():
            read_all(bed.account, bed.log.now)
        place.chmod(0o644 if place.is_file() else 0o755)
        assert bed.state.position is None
        (problem,) = bed.account.problems
        assert f"{place}: permission denied" in problem
        assert "to the group systemd-journal" in problem


@pytest.mark.needs("root")
def test_what_may_not_be_read_beside_the_rest_is_said(open_bed: JournalBed) -> None:
    bed = open_bed
    bed.journal.folder.chmod(0o755)
    bed.begin()
    bed.write(2, name="user-1000")
    shut = bed.journal.folder / "user-1000.journal"
    shut.chmod(0o600)
    bed.restart()
    bed.log.truth.clear()
    bed.write(2)
    (bed.journal.folder / "system.journal").chmod(0o644)
    with somebody():
        bed.read()
        (problem,) = bed.account.problems
        assert f"cannot read all of the journal: {shut}" in problem
        assert bed.totals == bed.log.truth
    shut.chmod(0o640)


def test_without_the_library_it_is_said(bed: JournalBed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_entries, "LIBRARY", "libsystemd.so.none")
    bed.restart()
    read_all(bed.account, bed.log.now)
    assert "cannot read the journal: libsystemd.so.none" in bed.account.problems[0]
    assert bed.state.position is None


def test_it_is_looked_for_where_journald_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "machine-id"
    place.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(journal, "MACHINE_ID", place)
    monkeypatch.setattr(journal, "ROOTS", (tmp_path / "run", tmp_path / "var"))
    folders = [tmp_path / root / place.read_text().strip() for root in ("run", "var")]
    assert [*journal.places(None)] == folders
    assert not journal.is_there()
    folders[1].mkdir(parents=True)
    assert journal.is_there()


# What tells of news.


async def test_what_is_written_rings_late_by_whatever_name(bed: JournalBed) -> None:
    bed.begin()
    watched = bed.account.watched
    assert watched.is_late
    watch = FileWatch(lambda: watched)
    for _ in range(2):
        descriptor = watch.descriptor()
        bed.write(1)
        with anyio.fail_after(PATIENCE_SECONDS):
            await anyio.wait_readable(descriptor)
        watch.hush()
        current = bed.journal.folder / "system.journal"
        current.rename(current.with_name("system@1.journal"))
        bed.write(1)
    watch.close()


@contextmanager
def somebody() -> Iterator[None]:
    """Who is not root and in none of its groups."""
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.iterdir())


def mapped_bytes(folder: Path) -> int:
    """Of its files, what counts as this process' memory."""
    size, is_of_it = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            is_of_it = str(folder) in line
        elif is_of_it and line.startswith("Rss:"):
            size += int(line.split()[1]) * 1024
    return size


def entries_of(bed: JournalBed) -> Entries:
    reading = bed.account._reading
    assert reading is not None
    assert isinstance(reading.source, journal.Journal)
    assert reading.source._entries is not None
    return reading.source._entries
