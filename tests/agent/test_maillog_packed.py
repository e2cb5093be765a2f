"""Rotated files that were compressed since are read where that is the only place of our lines."""

import gzip
import random
import subprocess
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog.unpacked import WINDOW_BYTES, Unpacked
from demo.grammar import Form
from tests.maillog_bed import Bed, begin


@pytest.fixture(params=list(Form), ids=lambda form: form.name)
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    bed = Bed(tmp_path, form=request.param)
    begin(bed, 12)
    yield bed
    bed.close()


def compress(path: Path, tool: str = "gzip") -> None:
    """As logrotate does: the file's time is kept."""
    subprocess.run([tool, str(path)], check=True, timeout=20)


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("unread", [0, 5])
def test_our_place_is_in_a_compressed_file(bed: Bed, unread: int, dated: bool) -> None:
    bed.log.write(6)
    bed.read()
    bed.account.close()
    bed.log.write(unread)
    compress(bed.log.rename("mail.log.20261122-090000" if dated else ""))
    bed.log.write(4)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("is_down", [False, True])
def test_several_compressed_files_in_a_row(bed: Bed, is_down: bool) -> None:
    bed.log.write(2)
    bed.account.step(bed.log.now)
    if is_down:
        bed.account.close()
    for turn in range(4):
        bed.log.write(3)
        compress(bed.log.rename(f"mail.log-2026112{turn}"))
    bed.log.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_a_restart_within_a_compressed_file(bed: Bed) -> None:
    bed.account.close()
    bed.log.tick = timedelta(milliseconds=1)
    bed.log.write(4000)
    compress(bed.log.rename())
    bed.log.write(10)
    bed.restart()
    for _ in range(3):
        bed.account.step(bed.log.now)
    bed.account.commit(bed.log.now)
    assert 0 < sum(bed.totals.values()) < 4000
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("is_down", [False, True])
def test_copied_truncated_and_compressed(bed: Bed, is_down: bool) -> None:
    bed.log.write(5)
    bed.read()
    if is_down:
        bed.account.close()
    bed.log.write(3)
    compress(bed.log.copytruncate())
    bed.log.write(4)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_a_compressed_copy_shorter_than_what_was_read(bed: Bed) -> None:
    bed.log.write(5)
    bed.read()
    copy = bed.log.path.read_bytes()
    bed.log.write(3)
    bed.read()
    bed.account.close()
    bed.log.path.with_name("mail.log.1.gz").write_bytes(gzip.compress(copy))
    bed.log.path.write_bytes(b"")
    bed.log.write(4)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_a_compressed_file_that_lost_its_end_before(bed: Bed) -> None:
    """A crash took what we had read; the lines after it were rotated away before we were back."""
    bed.log.write(10)
    bed.read()
    bed.account.close()
    kept = b"".join(bed.log.path.read_bytes().splitlines(keepends=True)[:-8])
    bed.log.path.write_bytes(kept)
    bed.log.at += timedelta(seconds=30)
    bed.log.write(2)
    compress(bed.log.rename())
    bed.log.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    (gap,) = bed.gaps()
    assert "lost the end" in gap


@pytest.mark.parametrize("is_twin_there", [False, True])
def test_a_cut_file_is_a_gap_unless_it_is_being_written(bed: Bed, is_twin_there: bool) -> None:
    bed.log.write(3)
    bed.read()
    bed.account.close()
    bed.log.tick = timedelta(milliseconds=10)
    bed.log.write(300)
    rotated = bed.log.rename()
    packed = gzip.compress(rotated.read_bytes())
    rotated.with_name("mail.log.1.gz").write_bytes(packed[: len(packed) * 2 // 3])
    if not is_twin_there:
        rotated.unlink()
    bed.log.at += timedelta(seconds=40)
    bed.log.write(3)
    bed.read()
    if is_twin_there:
        assert bed.totals == bed.log.truth
        assert not bed.gaps()
        return
    missing = bed.log.truth - bed.totals
    assert 0 < sum(missing.values()) < 250
    (gap,) = [event for event in bed.state.events_unacknowledged(9) if event.window]
    assert "ends before its end" in gap.text
    assert gap.window is not None
    assert gap.window[1] - gap.window[0] > timedelta(seconds=40)


def test_what_another_compressed_is_a_gap(bed: Bed) -> None:
    bed.log.write(3)
    bed.read()
    bed.account.close()
    bed.log.write(3)
    bed.log.rename("mail.log.1.xz")
    known = sum(bed.totals.values())
    bed.log.at += timedelta(seconds=40)
    bed.log.write(3)
    bed.read()
    assert sum(bed.totals.values()) == known + 3
    (gap,) = bed.gaps()
    assert "compressed" in gap


def test_a_log_that_comes_and_is_compressed_while_we_are_down(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.read()
    bed.account.close()
    bed.log.at = bed.log.now
    bed.log.write(4)
    compress(bed.log.rename())
    bed.log.write(4)
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()
    bed.close()


def test_years_of_old_files_are_not_unpacked(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for its beginning alone."""
    bed.log.tick = timedelta(seconds=10)
    for turn in range(5):
        bed.log.write(2000)
        bed.read()
        compress(bed.log.rename(f"mail.log-2026111{turn}"))
    bed.log.write(5)
    bed.read()
    bed.account.close()
    bed.log.path.unlink()
    bed.log.at += timedelta(minutes=1)
    bed.log.write(5)
    read = 0
    original = Unpacked._go_on

    def count(unpacked: Unpacked) -> None:
        nonlocal read
        read += 1
        original(unpacked)

    monkeypatch.setattr(Unpacked, "_go_on", count)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(bed.gaps()) == 1
    assert read < 25


@pytest.fixture(scope="module")
def text() -> bytes:
    dice = random.Random(7)
    lines = (b"%d %s\n" % (n, b"x" * dice.randrange(200)) for n in range(90_000))
    return b"".join(lines)


def test_any_place_in_any_order(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "packed.gz"
    third = len(text) // 3
    members = (text[:third], text[third : 2 * third], text[2 * third :])
    path.write_bytes(b"".join(gzip.compress(part, 1) for part in members) + b"\0" * 512)
    dice = random.Random(8)
    with path.open("rb") as file:
        unpacked = Unpacked(file.fileno())
        for _ in range(12):
            offset, length = dice.randrange(len(text) + 9), dice.randrange(WINDOW_BYTES)
            assert unpacked.read(offset, length=length) == text[offset : offset + length]
        assert unpacked.size == len(text)
        assert unpacked.is_whole


@pytest.mark.parametrize("damage", ["cut", "changed", "no gzip", "empty"])
def test_damage_ends_the_file_and_is_known(tmp_path: Path, text: bytes, damage: str) -> None:
    packed = gzip.compress(text[:200_000], 1)
    path = tmp_path / "packed.gz"
    path.write_bytes(
        {
            "cut": packed[:-5000],
            "changed": packed[:9000] + bytes(64) + packed[9064:],
            "no gzip": text[:5000],
            "empty": b"",
        }[damage]
    )
    with path.open("rb") as file:
        unpacked = Unpacked(file.fileno())
        found = unpacked.read(0, length=300_000)
        assert len(found) < 200_000
        assert not unpacked.is_whole
        if damage in ("cut", "no gzip", "empty"):
            assert text.startswith(found)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "packed.gz"
    packer = zlib.compressobj(1, wbits=31)
    block = b"Nov 22 09:00:09 mx1 postfix/smtpd[1]: connect from x[1.2.3.4]\n" * 16_000
    with path.open("wb") as file:
        for _ in range(40):
            file.write(packer.compress(block))
        file.write(packer.flush())
    with path.open("rb") as file:
        unpacked = Unpacked(file.fileno())
        tracemalloc.start()
        assert unpacked.size == 40 * len(block)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 5 * WINDOW_BYTES
