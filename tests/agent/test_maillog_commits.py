"""Lines are counted at once; what is counted is committed now and then, and nothing is lost."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog import accounting
from tests.maillog_bed import Bed


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path)
    bed.log.write(2)
    bed.read()
    bed.log.truth.clear()
    yield bed
    bed.close()


def test_lines_are_counted_at_once_and_commits_keep_apart(bed: Bed) -> None:
    bed.log.tick = timedelta(0)
    bed.read()
    began = bed.log.now
    for turn in range(1, 10):
        bed.log.write(1)
        bed.account.step(began + turn * accounting.COMMITS_APART / 10)
        assert bed.account.lines_read == 2 * turn
        assert not bed.totals
    assert not bed.account.step(began + accounting.COMMITS_APART)
    assert bed.totals == bed.log.truth


def test_what_is_counted_and_not_committed_is_read_again(bed: Bed) -> None:
    bed.log.tick = timedelta(0)
    bed.log.write(3)
    bed.account.step(bed.log.now)
    assert bed.account.lines_read == 6
    assert not bed.totals
    bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth


def test_a_clock_put_back_does_not_stop_commits(bed: Bed) -> None:
    bed.log.write(3)
    bed.account.step(bed.log.now - timedelta(hours=3))
    assert bed.totals == bed.log.truth
