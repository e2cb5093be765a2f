"""The logs counted once more: exactly what was counted up to a place, or why not."""

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog.accounting_recount import Begun, Recounter
from agent.maillog.logs import Logs
from agent.maillog.position import Positions
from agent.model import Cell, CellKey, Recount, RecountRequest
from tests.maillog_bed import ADDRESS, Bed, begin


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path)
    begin(bed, 5)
    yield bed
    bed.close()


def told(bed: Bed) -> tuple[RecountRequest, dict[CellKey, Cell]]:
    """What the collector was told by a heartbeat of this moment."""
    bed.account.commit(bed.log.now)
    position = bed.state.position
    assert position is not None
    request = RecountRequest(number=7, epoch=bed.state.epoch, log_position=position.to_bytes())
    return request, {cell.key: cell for cell in bed.state.cells()}


async def recount(bed: Bed, request: RecountRequest) -> Recount:
    state = bed.state
    begun = Begun(epoch=state.epoch, began_at=state.began_at, counted_from=state.counted_from)
    recounter = Recounter(logs=Logs.of(bed.log.path), address=ADDRESS)
    return await recounter.count(request, begun, now=bed.log.now + timedelta(hours=1))


def by_key(counted: Recount) -> dict[CellKey, Cell]:
    return {cell.key: cell for cell in counted.cells}


@pytest.mark.parametrize("rotations", [0, 1, 3])
@pytest.mark.parametrize("is_copied", [False, True])
async def test_the_same_lines_give_the_same_totals(
    bed: Bed, rotations: int, is_copied: bool
) -> None:
    bed.log.write(40)
    bed.read()
    rotate = bed.log.copytruncate if is_copied else bed.log.rename
    for _ in range(rotations):
        rotate()
        bed.log.write(30)
        bed.read()
    request, totals = told(bed)
    bed.log.write(25)  # of later, in the same file
    bed.read()
    rotate()
    bed.log.write(9)
    bed.read()
    counted = await recount(bed, request)
    assert (counted.problem, counted.gaps, counted.number) == ("", (), 7)
    assert by_key(counted) == totals
    assert counted.lines == 2 * (40 + 30 * rotations)


async def test_compressed_by_now(bed: Bed) -> None:
    bed.log.write(40)
    bed.read()
    request, totals = told(bed)
    bed.log.write(10)
    bed.read()
    rotated = bed.log.rename()
    bed.log.write(5)
    bed.read()
    with rotated.open("rb") as plain, gzip.open(f"{rotated}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    rotated.unlink()
    counted = await recount(bed, request)
    assert (counted.problem, by_key(counted)) == ("", totals)


async def test_logs_that_are_gone_are_said_to_be(bed: Bed) -> None:
    bed.log.write(40)
    bed.read()
    rotated = bed.log.rename()
    bed.log.write(30)
    bed.read()
    request, totals = told(bed)
    rotated.unlink()
    counted = await recount(bed, request)
    assert counted.gaps
    assert by_key(counted) != totals


async def test_a_place_nobody_finds(bed: Bed) -> None:
    bed.log.write(40)
    bed.read()
    request, _ = told(bed)
    shutil.copy(bed.log.path, bed.log.path.with_name("elsewhere"))
    bed.log.path.write_bytes(b"Nov 22 10:00:00 mx1 postfix/smtp[1]: nothing\n")
    counted = await recount(bed, request)
    assert counted.problem or counted.gaps


async def test_what_cannot_be_counted(bed: Bed) -> None:
    bed.log.write(4)
    bed.read()
    request, _ = told(bed)
    assert "epoch" in (await recount(bed, replace(request, epoch="another"))).problem
    assert (await recount(bed, replace(request, log_position=b"x"))).problem
    several = Positions(by_name={}).to_bytes()
    assert "several" in (await recount(bed, replace(request, log_position=several))).problem
    recounter = Recounter(logs=Logs.of(bed.log.path), address=ADDRESS)
    begun = Begun(epoch=request.epoch, began_at=None, counted_from=None)
    unknown = await recounter.count(request, begun, now=bed.log.now)
    assert "not known" in unknown.problem
