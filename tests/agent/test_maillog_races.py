"""What happens between two looks at a log that is being rotated, forced to happen just there."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from agent.maillog import files
from agent.maillog.files import LogFile
from agent.maillog.follow import Follower
from demo.grammar import Form
from tests.maillog_bed import Bed, begin


@pytest.fixture(params=list(Form), ids=lambda form: form.name)
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    bed = Bed(tmp_path, form=request.param)
    yield bed
    bed.close()


def test_a_writer_that_notices_late_is_waited_for(bed: Bed) -> None:
    """One look at a resting end is not enough."""
    begin(bed)
    with bed.log.path.open("ab") as old:
        bed.log.rename()
        bed.log.write(2)
        assert not bed.account.step(bed.log.now)
        old.write(b"".join(bed.log.lines(2)))
        old.flush()
        bed.read()
    assert bed.totals == bed.log.truth


def test_a_last_burst_to_the_old_file_just_before_the_new_one(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written after we saw the old file's end, and before we saw that the new one has lines."""
    begin(bed)
    old = bed.log.path.open("ab")
    bed.log.rename()
    original = Follower._successor

    def successor(follower: Follower, file: LogFile, now: datetime) -> object:
        if not old.closed:
            old.write(b"".join(bed.log.lines(500)))
            old.close()
            bed.log.write(1)
        return original(follower, file, now)

    monkeypatch.setattr(Follower, "_successor", successor)
    bed.log.path.touch()
    bed.read()
    assert bed.totals == bed.log.truth


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_rotation_while_the_directory_is_read(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    """Names are read, then what they mean: in between they come to mean other files.

    `is_gone`: the file we have open lost its name, and the next one hides behind a new name.
    """
    begin(bed)
    bed.log.write(2)
    bed.account.step(bed.log.now)
    ours = bed.log.rename()
    if is_gone:
        ours.unlink()
    bed.log.write(2)
    bed.log.rename()
    bed.log.write(2)
    original = files._entry
    left = 3

    def entry(path: Path, found: "os.DirEntry[str]") -> files.Entry | None:
        nonlocal left
        if left and found.name == "mail.log.1":
            left -= 1
            bed.log.rename()
            bed.log.write(2)
        return original(path, found)

    monkeypatch.setattr(files, "_entry", entry)
    bed.read()
    assert left == 0
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("looks", range(8))
@pytest.mark.parametrize("refill", [1, 30])
def test_copied_and_truncated_just_after_a_rename(bed: Bed, looks: int, refill: int) -> None:
    """Also when the new file was opened and nothing of it read: no tail proves that place."""
    begin(bed)
    bed.log.rename()
    bed.log.write(6)
    for _ in range(looks):
        bed.account.step(bed.log.now)
    bed.log.copytruncate()
    bed.log.write(refill)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()
