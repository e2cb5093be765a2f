"""Every line once, whatever becomes of the file: growth, renames, restarts, several at once."""

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog import parse
from agent.maillog.follow import CHUNK_BYTES, Follower
from agent.maillog.position import LogPosition
from demo.grammar import Form
from tests.maillog_bed import START, Bed, begin


@pytest.fixture(params=list(Form), ids=lambda form: form.name)
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    bed = Bed(tmp_path, form=request.param)
    yield bed
    bed.close()


def test_the_first_start_is_at_the_end(bed: Bed) -> None:
    begin(bed, 5)
    assert bed.state.counted_from == bed.log.now
    assert not bed.totals
    bed.log.write(7)
    bed.read()
    assert bed.totals == bed.log.truth
    assert bed.account.lines_read == 14
    assert bed.state.counted_to is not None
    assert bed.state.counted_to.replace(microsecond=0) == bed.log.at.replace(microsecond=0)


def test_half_a_line_waits_for_its_end(bed: Bed) -> None:
    begin(bed)
    for line in bed.log.lines(3):
        with bed.log.path.open("ab") as file:
            file.write(line[:50])
            file.flush()
            before = bed.totals
            bed.read()
            assert bed.totals == before
            file.write(line[50:])
        bed.read()
    assert bed.totals == bed.log.truth


def test_a_first_start_within_a_line_counts_the_whole_line(bed: Bed) -> None:
    begin(bed)
    bed.restart()
    neighbour, line = bed.log.lines(1)
    with bed.log.path.open("ab") as file:
        file.write(neighbour + line[:30])
        file.flush()
        bed.read()
        file.write(line[30:])
    bed.read()
    assert bed.totals == bed.log.truth


def test_a_log_that_comes_later_is_read_from_its_beginning(bed: Bed) -> None:
    bed.read()
    assert "there is no log" in str(bed.account.problems)
    bed.restart()
    bed.log.at = bed.log.now
    bed.log.write(4)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.account.problems
    assert not bed.gaps()


def test_a_log_that_comes_and_is_rotated_while_we_are_down(bed: Bed) -> None:
    bed.read()
    bed.account.close()
    bed.log.at = bed.log.now
    bed.log.write(4)
    bed.log.rename()
    bed.log.write(4)
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_an_empty_log_proves_nothing_and_loses_nothing(bed: Bed) -> None:
    bed.log.path.touch()
    bed.read()
    bed.account.close()
    bed.log.at = bed.log.now
    bed.log.write(4)
    bed.log.rename()
    bed.log.write(4)
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_renamed_while_running_is_drained_first(bed: Bed) -> None:
    begin(bed)
    with bed.log.path.open("ab") as old:  # the writer, which has not noticed yet
        bed.log.rename()
        old.write(b"".join(bed.log.lines(2)))
        old.flush()
        bed.read()
        bed.log.path.touch()
        bed.read()
        old.write(b"".join(bed.log.lines(2)))  # the new one is empty: the old one still counts
        old.flush()
        bed.read()
        assert bed.totals == bed.log.truth
    bed.log.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("dated", [False, True])
def test_many_rotations_in_a_row(bed: Bed, restarts: bool, dated: bool) -> None:
    begin(bed)
    for turn in range(6):
        bed.log.write(turn)
        if turn % 2:
            bed.read()
        bed.log.rename(f"mail.log-202611{10 + turn}" if dated else "")
        bed.log.write(2)
        if restarts:
            bed.restart()
        bed.read()
        assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("rotations", [1, 2, 3, 7])
@pytest.mark.parametrize("is_down", [False, True])
def test_several_rotations_unseen(bed: Bed, rotations: int, is_down: bool) -> None:
    begin(bed)
    bed.log.write(2)
    bed.account.step(bed.log.now)
    if is_down:
        bed.account.close()
    for _ in range(rotations):
        bed.log.rename()
        bed.log.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("dated", [False, True])
def test_rotations_of_one_moment_keep_their_order(bed: Bed, is_down: bool, dated: bool) -> None:
    """All within the log's second and the file system's tick: the names tell."""
    bed.log.tick = timedelta(0)
    begin(bed)
    if is_down:
        bed.account.close()
    for turn in range(4):
        bed.log.write(3)
        bed.log.rename(f"mail.log.20261122-09000{turn}" if dated else "")
    bed.log.write(1)
    for found in bed.log.path.parent.glob("mail.log*"):
        os.utime(found, ns=(10**18, 10**18))
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_what_lies_beside_is_not_read(bed: Bed) -> None:
    begin(bed)
    text = bed.log.path.read_bytes()
    for name in ("mail.log.bak", "mail.log.old", "mail.log~", "mail.log.1.txt", "mail.logger"):
        bed.log.path.with_name(name).write_bytes(text)
    bed.log.path.with_name("mail.log.9").mkdir()
    bed.log.path.with_name("mail.log.8").symlink_to("/etc/passwd")
    bed.log.write(2)
    bed.log.rename()
    bed.log.write(2)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_an_old_sibling_somebody_touched_is_passed_over_and_said(bed: Bed) -> None:
    bed.log.write(3)
    bed.log.rename("mail.log.5")
    bed.log.at += timedelta(hours=2)
    begin(bed)
    bed.log.write(2)
    bed.log.rename()
    newest = bed.log.path.with_name("mail.log.1").stat().st_mtime_ns + 1
    os.utime(bed.log.path.with_name("mail.log.6"), ns=(newest, newest))
    bed.log.write(2)
    bed.read()
    assert bed.totals == bed.log.truth
    assert bed.gaps() == ["mail.log.6 was not read"]


def test_compressed_siblings_unread_are_a_gap(bed: Bed) -> None:
    begin(bed)
    bed.log.write(2)
    bed.read()
    bed.account.close()
    known = bed.totals
    bed.log.rename("mail.log.1.gz")
    bed.log.at += timedelta(minutes=1)
    bed.log.write(2)
    bed.read()
    assert sum(bed.totals.values()) == sum(known.values()) + 2
    (gap,) = [event for event in bed.state.events_unacknowledged(9) if event.window]
    assert "compressed" in gap.text
    assert gap.window is not None
    assert gap.window[1] - gap.window[0] > timedelta(seconds=55)


def test_ours_compressed_while_we_have_it_open_is_no_gap(bed: Bed) -> None:
    """`postfix logrotate` compresses at once; the writer went on for a while."""
    begin(bed)
    rotated = bed.log.path.with_name("mail.log.20261122-090000")
    with bed.log.path.open("ab") as old:
        bed.log.rename(rotated.name)
        old.write(b"".join(bed.log.lines(3)))
    subprocess.run(["gzip", str(rotated)], check=True)
    bed.log.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_a_half_last_line_of_a_rotated_file_is_its_last_line(bed: Bed) -> None:
    begin(bed)
    neighbour, line = bed.log.lines(1)
    with bed.log.path.open("ab") as file:
        file.write(neighbour + line[:-1])
    bed.log.rename()
    bed.log.write(1)
    bed.read()
    assert bed.totals == bed.log.truth


@pytest.mark.parametrize("length", [parse.LINE_BYTES_MAX + 1, CHUNK_BYTES - 9, 3 * CHUNK_BYTES])
def test_an_endless_line_is_skipped_and_counted(bed: Bed, length: int) -> None:
    begin(bed)
    bed.log.write(1)
    with bed.log.path.open("ab") as file:
        file.write(b"x" * (length // 2))
        file.flush()
        bed.account.step(bed.log.now)
        file.write(b" status=sent (" * (length // 20) + b"x" * length + b"\n")
    bed.log.write(2)
    bed.read()
    assert bed.totals == bed.log.truth
    assert bed.account.lines_unparsed == 1


def test_a_restart_within_an_endless_line_skips_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(b"first\n")
    follower = Follower(path, position=None, counted_to=START)
    assert follower.read(START) is not None
    with path.open("ab") as file:
        file.write(b"x" * (parse.LINE_BYTES_MAX + 1))
        file.flush()
        batch = follower.read(START)
        assert batch is not None
        assert isinstance(batch.position, LogPosition)
        assert batch.position.mid_line
        file.write(b" postfix/smtp[1]: x\nlast\n")
    follower.close()
    packed = batch.position.to_bytes()
    later = Follower(path, position=LogPosition.from_bytes(packed), counted_to=START)
    batches = [batch for _ in range(4) if (batch := later.read(START)) is not None]
    later.close()
    assert b"".join(batch.data for batch in batches) == b"last\n"
    assert sum(batch.overlong for batch in batches) == 1
    assert not any(batch.gap for batch in batches)


def test_a_long_catch_up(bed: Bed) -> None:
    begin(bed)
    bed.log.write(9000)
    assert bed.log.path.stat().st_size > 5 * CHUNK_BYTES
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth
    assert bed.account.lines_read == 18_000
