"""The logs counted once more: exactly what was counted up to a place, or why not."""

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.maillog import accounting_recount
from agent.maillog.accounting_recount import Begun, Recounter, Tell
from agent.maillog.logs import Logs
from agent.maillog.position import JournalPosition
from agent.maillog.sources import GONE_FOR
from agent.maillog.tally_whose import Whose
from agent.model import Cell, CellKey, Recount, RecountRequest
from agent.recounting import Recounting
from agent.state import State
from demo.grammar import Form
from tests.journal_account import JournalBed
from tests.maillog_bed import ADDRESS, Bed, begin, read_all
from tests.maillog_several import Several


async def nobody(partial: Recount) -> None:
    assert partial.is_partial


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path)
    begin(bed, 5)
    yield bed
    bed.close()


Told = tuple[RecountRequest, dict[CellKey, Cell]]


def told(bed: Bed) -> Told:
    """What the collector was told by a heartbeat of this moment."""
    bed.account.commit(bed.log.now)
    return held(bed.state)


def held(state: State) -> Told:
    position = state.position
    assert position is not None
    request = RecountRequest(number=7, epoch=state.epoch, log_position=position.to_bytes())
    return request, {cell.key: cell for cell in state.cells()}


async def recount(bed: Bed, request: RecountRequest) -> Recount:
    return await anew(bed.state, request, Logs.of(bed.log.path), now=bed.log.now)


async def anew(
    state: State, request: RecountRequest, logs: Logs, *, now: datetime, tell: Tell = nobody
) -> Recount:
    begun = Begun(epoch=state.epoch, began_at=state.began_at, counted_from=state.counted_from)
    later = now + timedelta(hours=1)
    recounter = Recounter(logs=logs, whose=Whose(ADDRESS), now=lambda: later)
    return await recounter.count(request, begun, tell=tell)


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
    journal = JournalPosition(cursor="s=1", at=bed.log.now).to_bytes()
    changed = await recount(bed, replace(request, log_position=journal))
    assert "from files to the journal" in changed.problem
    recounter = Recounter(logs=Logs.of(bed.log.path), whose=Whose(ADDRESS), now=lambda: bed.log.now)
    begun = Begun(epoch=request.epoch, began_at=None, counted_from=None)
    unknown = await recounter.count(request, begun, tell=nobody)
    assert "an agent before 0.2 began this epoch" in unknown.problem


async def test_of_several_each_up_to_its_own_place(tmp_path: Path) -> None:
    """Rotated at times of their own, compressed, joined late, gone in between."""
    several = Several(tmp_path, "a.log", "*.log*", form=Form.RFC3164)
    one, two, gone = (several.log(name) for name in ("a.log", "b.log", "c.log"))
    for log in (one, two, gone):
        several.write(log, 12)
    several.begin()
    several.write(one, 30)
    several.write(two, 20)
    several.write(gone, 10)
    several.read()
    one.rename()
    several.write(one, 30)
    late = several.log("d.log")
    several.write(late, 15)
    several.read()
    gone.path.rename(tmp_path / "elsewhere")
    several.later(2 * GONE_FOR)
    several.read()
    several.later(2 * GONE_FOR)
    several.read()
    request, totals = held(several.state)
    shutil.move(tmp_path / "elsewhere", gone.path)  # somebody kept it
    for log in (one, two, late):
        several.write(log, 7)
    rotated = two.rename()
    several.write(two, 5)
    with rotated.open("rb") as plain, gzip.open(f"{rotated}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    rotated.unlink()
    later = several.log("e.log")
    several.write(later, 3)
    logs = Logs(patterns=several.patterns)
    counted = await anew(several.state, request, logs, now=several.now)
    several.close()
    assert (counted.problem, counted.gaps) == ("", ())
    assert by_key(counted) == totals
    assert counted.lines == 2 * (30 + 20 + 10 + 30 + 15)


async def test_one_of_several_that_is_gone_is_missing(tmp_path: Path) -> None:
    several = Several(tmp_path, "a.log", "b.log", form=Form.RFC3339)
    one, two = several.log("a.log"), several.log("b.log")
    several.begin()
    several.write(one, 10)
    several.write(two, 10)
    several.read()
    request, totals = held(several.state)
    two.path.unlink()
    counted = await anew(several.state, request, Logs(patterns=several.patterns), now=several.now)
    several.close()
    assert "do not reach that place" in counted.problem
    assert "there is no log" in counted.problem
    assert by_key(counted) != totals


@pytest.mark.needs("systemd-journal-remote")
async def test_the_journal_up_to_its_entry(tmp_path: Path) -> None:
    bed = JournalBed(tmp_path)
    bed.begin()
    bed.write(40)
    bed.read()
    bed.restart()
    bed.write(20)
    bed.read()
    request, totals = held(bed.state)
    bed.write(9)
    bed.read()
    counted = await anew(bed.state, request, bed.logs, now=bed.log.now)
    assert (counted.problem, counted.gaps) == ("", ())
    assert (by_key(counted), counted.lines) == (totals, 2 * 60)
    (bed.journal.folder / "system.journal").unlink()
    bed.write(5, name="later")
    lost = await anew(bed.state, request, bed.logs, now=bed.log.now)
    bed.close()
    assert lost.problem or lost.gaps
    assert by_key(lost) != totals


@pytest.mark.needs("systemd-journal-remote")
async def test_a_journal_that_had_no_entry(tmp_path: Path) -> None:
    bed = JournalBed(tmp_path)
    read_all(bed.account, bed.log.now)
    bed.log.at = bed.log.now
    nothing, _ = held(bed.state)
    bed.write(3)
    bed.read()
    request, totals = held(bed.state)
    empty = await anew(bed.state, nothing, bed.logs, now=bed.log.now)
    counted = await anew(bed.state, request, bed.logs, now=bed.log.now)
    bed.close()
    assert (empty.problem, empty.lines) == (counted.problem, 0) == ("", 0)
    assert by_key(counted) == totals


async def test_how_far_it_is_and_the_newest_request_alone(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting_recount, "TOLD_EVERY", timedelta(0))
    bed.log.write(6000)
    bed.read()
    request, totals = told(bed)
    answers: list[Recount] = []

    async def answer(one: Recount) -> None:
        answers.append(one)
        if len(answers) == 2:
            recounting.ask(replace(request, number=8))

    recounter = Recounter(
        logs=Logs.of(bed.log.path),
        whose=Whose(ADDRESS),
        now=lambda: bed.log.now + timedelta(hours=1),
    )
    recounting = Recounting(recounter, bed.state, answer=answer)
    await recounting.once()
    assert not answers, "nobody has asked"
    recounting.ask(request)
    await recounting.once()
    assert [one.number for one in answers] == [7, 7], "it gives way"
    await recounting.once()
    *partial, last = answers[2:]
    assert {one.number for one in (*partial, last)} == {8}
    assert all(one.is_partial and not one.cells for one in partial)
    assert len(partial) > 1
    assert [one.lines for one in partial] == sorted(one.lines for one in partial)
    assert (last.is_partial, by_key(last), last.lines) == (False, totals, 12_000)
    assert last.counted_to == bed.state.counted_to
