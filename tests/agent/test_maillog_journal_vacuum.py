"""Files of the journal that go while it is read: no line is missed without a word."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog import journal, journal_entries
from tests.journal_account import JournalBed

pytestmark = pytest.mark.needs("systemd-journal-remote")


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[JournalBed]:
    bed = JournalBed(tmp_path)
    bed.log.tick = timedelta(milliseconds=2)
    bed.begin()
    yield bed
    bed.close()


def archive(bed: JournalBed, name: str) -> Path:
    path = bed.journal.folder / "system.journal"
    return path.rename(path.with_name(f"system@{name}.journal"))


def vacuum(path: Path) -> None:
    """As journald does it: removed, and wiped for whoever has it open (unlinkat_deallocate)."""
    with path.open("r+b") as file:
        path.unlink()
        file.write(bytes(os.fstat(file.fileno()).st_size))


def look(bed: JournalBed, times: int = 1) -> None:
    for _ in range(times):
        bed.account.step(bed.log.now)


def test_what_was_read_goes_without_a_word(bed: JournalBed) -> None:
    for number in range(4):
        bed.write(300)
        bed.read()
        full = archive(bed, str(number))
        bed.write(30)
        bed.read()
        vacuum(full)
        bed.write(30)
        bed.read()
        assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_what_went_before_the_next_look_is_a_gap(bed: JournalBed) -> None:
    bed.write(30)
    bed.read()
    counted, counted_to = bed.totals.copy(), bed.state.counted_to
    bed.log.at += timedelta(minutes=1)
    bed.write(30)  # never looked at
    full = archive(bed, "1")
    bed.log.truth = counted
    bed.write(30)
    vacuum(full)
    bed.log.at += timedelta(minutes=1)
    bed.read()
    look(bed)
    bed.account.commit(bed.log.now)
    assert bed.totals == bed.log.truth
    (gap,) = [event for event in bed.state.events_unacknowledged(9) if event.window]
    assert gap.window is not None
    assert gap.window[0] == counted_to
    assert gap.window[1] - gap.window[0] > timedelta(minutes=2)
    bed.write(30)
    bed.read()
    assert bed.totals == bed.log.truth


@pytest.mark.parametrize("is_old", [False, True])
def test_what_goes_during_a_catch_up(
    bed: JournalBed, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    """What was read long ago is nobody's loss; what was still to come is."""
    monkeypatch.setattr(journal_entries, "PIECE_ENTRIES_MAX", 50)
    bed.write(30)
    bed.read()
    files = [archive(bed, "read")]
    bed.account.close()
    long_ago = bed.log.now.timestamp() - 3600
    os.utime(files[0], (long_ago, long_ago))
    for number in range(3):
        bed.write(300)
        files.append(archive(bed, str(number)))
    bed.write(30)
    look(bed, 3)
    if not is_old:
        bed.write(30, name="late")
    vacuum(files[0 if is_old else -1])
    for _ in range(3):  # it may be opened anew
        bed.log.at += timedelta(seconds=2)
        while bed.account.step(bed.log.now):
            pass
    bed.account.commit(bed.log.now)
    assert bool(bed.gaps()) == (not is_old)
    assert (bed.totals == bed.log.truth) == is_old
    assert not bed.account.problems


def test_a_folder_that_was_carried_over_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """journalctl --flush."""
    both = (tmp_path / "run", tmp_path / "journal")
    both[0].mkdir()
    monkeypatch.setattr(journal, "places", lambda _: both)
    bed = JournalBed(tmp_path)
    bed.begin()
    (both[0] / "system.journal").write_bytes(bytes(24) + b"x" * 16)
    bed.restart()
    bed.write(3)
    bed.read()
    (both[0] / "system.journal").unlink()
    archive(bed, "1")  # it is noticed that something came
    bed.write(3)
    bed.read()
    look(bed, 3)
    assert bed.totals == bed.log.truth
    assert not bed.gaps()
    bed.close()
