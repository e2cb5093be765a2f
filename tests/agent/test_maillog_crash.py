"""A log that lost its end, was copied and truncated, replaced, or whose inode is another file's."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from demo.grammar import Form
from tests.maillog_bed import Bed


@pytest.fixture(params=list(Form), ids=lambda form: form.name)
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    bed = Bed(tmp_path, form=request.param)
    bed.log.write(12)  # more than the head's 1024 bytes
    bed.read()
    bed.log.truth.clear()
    yield bed
    bed.close()


def windows(bed: Bed) -> list[tuple[datetime, datetime]]:
    events = bed.state.events_unacknowledged(100)
    return [event.window for event in events if event.window is not None]


def lose_tail(bed: Bed, lines: int, *, half: int = 0) -> None:
    """The last lines never reached the disk; `half` more bytes went with them."""
    kept = bed.log.path.read_bytes().splitlines(keepends=True)[:-lines]
    os.truncate(bed.log.path, sum(map(len, kept)) - half)


@pytest.mark.parametrize("half", [0, 40])
@pytest.mark.parametrize("is_down", [False, True])
def test_a_lost_tail_is_a_gap_and_nothing_counts_twice(bed: Bed, half: int, is_down: bool) -> None:
    bed.log.write(10)
    bed.read()
    counted = bed.totals
    assert counted == bed.log.truth
    counted_to = bed.state.counted_to
    if is_down:
        bed.account.close()
    lose_tail(bed, 6, half=half)
    bed.log.at += timedelta(seconds=30)  # the machine starts again
    if not is_down:
        bed.read()
    bed.log.write(5)
    bed.read()
    assert bed.totals == bed.log.truth
    ((start, end),) = windows(bed)
    assert start == counted_to
    assert end > start
    assert "lost the end" in bed.gaps()[0]


def test_a_lost_tail_overgrown_by_new_lines(bed: Bed) -> None:
    """The file is longer than where we stood, and not what stood there."""
    bed.log.write(10)
    bed.read()
    bed.account.close()
    lose_tail(bed, 4)
    bed.log.at += timedelta(seconds=30)
    bed.log.write(20)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1


def test_zeroes_where_read_lines_were(bed: Bed) -> None:
    bed.log.write(10)
    bed.read()
    bed.account.close()
    size = bed.log.path.stat().st_size
    lose_tail(bed, 4)
    os.truncate(bed.log.path, size)  # the length reached the disk, the blocks did not
    bed.log.at += timedelta(seconds=30)
    bed.log.write(5)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1


@pytest.mark.parametrize("zeroes", [1, 4096, 700_000])
def test_zeroes_behind_what_was_read(bed: Bed, zeroes: int) -> None:
    bed.log.write(4)
    bed.read()
    bed.account.close()
    os.truncate(bed.log.path, bed.log.path.stat().st_size + zeroes)
    bed.log.at += timedelta(seconds=30)
    bed.log.write(5)
    bed.read()
    assert bed.totals == bed.log.truth
    assert all("zeroes" in text for text in bed.gaps())
    assert len(bed.gaps()) >= 1


def test_a_lost_tail_of_a_young_log(bed: Bed) -> None:
    """Shorter now than the head we knew it by: only the time tells what was counted."""
    bed.log.rename()
    bed.log.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    bed.account.close()
    bed.log.path.with_name("mail.log.1").unlink()
    lose_tail(bed, 2)
    bed.log.at += timedelta(seconds=30)
    bed.log.write(1)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("unread", [0, 3])
@pytest.mark.parametrize("refill", [0, 2, 60])
def test_copytruncate_finishes_the_copy(bed: Bed, is_down: bool, unread: int, refill: int) -> None:
    """`refill` lines are written before we look: fewer or more than there were."""
    bed.log.write(5)
    bed.read()
    if is_down:
        bed.account.close()
    bed.log.write(unread)
    bed.log.copytruncate()
    bed.log.write(refill)
    bed.read()
    bed.log.write(2)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_copytruncate_many_times_while_down(bed: Bed) -> None:
    bed.log.write(5)
    bed.read()
    bed.account.close()
    for _ in range(4):
        bed.log.copytruncate()
        bed.log.write(12)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_lines_read_between_copy_and_truncation(bed: Bed) -> None:
    """The copy is shorter than what was read: all of it counted, none of it twice."""
    bed.log.write(5)
    bed.read()
    copy = bed.log.path.read_bytes()
    bed.log.write(3)
    bed.read()
    bed.log.path.with_name("mail.log.1").write_bytes(copy)
    os.truncate(bed.log.path, 0)
    bed.read()
    bed.log.write(4)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("is_down", [False, True])
def test_emptied_in_place_is_a_gap(bed: Bed, is_down: bool) -> None:
    bed.log.write(5)
    bed.read()
    if is_down:
        bed.account.close()
    os.truncate(bed.log.path, 0)
    bed.log.at += timedelta(seconds=5)
    bed.log.write(30)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1


def test_the_same_inode_with_another_beginning_is_another_file(bed: Bed) -> None:
    """Ours was deleted; the file system gave its number to a new log, longer than ours was."""
    bed.log.write(5)
    bed.read()
    bed.account.close()
    inode = bed.log.path.stat().st_ino
    bed.log.at += timedelta(seconds=5)
    new = b"".join(bed.log.lines(200))
    with bed.log.path.open("r+b") as file:
        file.truncate(0)
        file.write(new)
    assert bed.log.path.stat().st_ino == inode
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1


def test_an_inode_used_again_while_ours_is_a_sibling(bed: Bed) -> None:
    """Ours was copied to another file system's number; the old number is a new log's."""
    bed.log.write(5)
    bed.read()
    bed.account.close()
    bed.log.write(4)
    bed.log.copytruncate()
    bed.log.write(200)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_another_device_number_after_a_reboot_changes_nothing(bed: Bed) -> None:
    """Position by content: a copy with all its bytes is as good as the file."""
    bed.log.write(5)
    bed.read()
    bed.account.close()
    text = bed.log.path.read_bytes()
    bed.log.path.unlink()
    bed.log.path.write_bytes(text)
    bed.log.write(5)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_ours_is_gone_altogether(bed: Bed) -> None:
    bed.log.write(5)
    bed.read()
    bed.account.close()
    bed.log.write(2)  # never read: gone with the file
    lost = bed.log.truth.copy()
    lost.subtract(bed.totals)
    bed.log.path.unlink()
    bed.log.at += timedelta(minutes=1)
    bed.log.write(6)
    bed.read()
    assert bed.totals == bed.log.truth - lost
    ((start, end),) = windows(bed)
    assert timedelta(seconds=58) < end - start < timedelta(seconds=65)


def test_nothing_is_found_twice_after_a_gap(bed: Bed) -> None:
    """Older siblings hold what was counted long ago."""
    for _ in range(3):
        bed.log.write(5)
        bed.read()
        bed.log.rename()
    bed.log.write(5)
    bed.read()
    bed.account.close()
    bed.log.path.unlink()
    bed.log.at += timedelta(minutes=1)
    bed.log.write(6)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1


@pytest.mark.parametrize("is_rotated", [False, True])
def test_what_is_left_of_a_counted_line_is_not_another(bed: Bed, is_rotated: bool) -> None:
    bed.log.write(4)
    bed.read()
    bed.account.close()
    os.truncate(bed.log.path, bed.log.path.stat().st_size - 3)
    bed.log.at += timedelta(seconds=30)
    if is_rotated:
        bed.log.rename()
    else:
        bed.read()  # the machine is back before the next line is written
    bed.log.write(2)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(windows(bed)) == 1
