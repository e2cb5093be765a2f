"""A log that is a symbolic link: what it points to is rotated there, or the link is set anew."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from demo.grammar import Form
from tests.agent.test_maillog_packed import compress
from tests.maillog_bed import Bed, Log, begin


@pytest.fixture(params=list(Form), ids=lambda form: form.name)
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    bed = Bed(tmp_path, form=request.param)
    yield bed
    bed.close()


def linked(bed: Bed, name: str) -> Log:
    """What the link points to, to be written and rotated; the account knows the link alone."""
    folder = bed.log.path.parent / "data"
    folder.mkdir()
    bed.log.path.symlink_to(folder / name)
    bed.log.path = folder / name
    begin(bed, 12)
    return bed.log


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("packs", [False, True])
def test_the_target_is_rotated_where_it_is(bed: Bed, packs: bool, is_down: bool) -> None:
    log = linked(bed, "mail.log")
    log.write(3)
    bed.read()
    if is_down:
        bed.account.close()
    for _ in range(2):
        log.write(3)
        rotated = log.rename()
        if packs:
            compress(rotated)
            rotated.with_name("mail.log.1.gz").rename(
                rotated.with_name(f"mail.log.{log.written}.gz")
            )
    log.write(3)
    bed.read()
    assert bed.totals == log.truth
    assert not bed.gaps()


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("packs", [False, True])
def test_the_link_is_set_to_the_next_day(bed: Bed, packs: bool, is_down: bool) -> None:
    link = bed.log.path
    log = linked(bed, "mail-20261122.log")
    log.path.with_name("other-20261122.log").write_text("Nov 22 09:00:00 mx1 other[1]: x\n")
    log.write(3)
    bed.read()
    if is_down:
        bed.account.close()
    for day in (23, 24):
        log.write(3)
        old, log.path = log.path, log.path.with_name(f"mail-202611{day}.log")
        if packs and is_down:
            compress(old)
        log.at += timedelta(minutes=1)
        log.write(3)
        link.unlink()
        link.symlink_to(log.path)
    bed.read()
    assert bed.totals == log.truth
    assert not bed.gaps()
