"""The account: committed or not counted, a new epoch at the right line, problems in clear words."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog import accounting
from agent.maillog.accounting import Accounting
from agent.maillog.follow import CHUNK_BYTES
from agent.maillog.logs import Logs
from agent.maillog.position import LogPosition
from agent.maillog.silence import Silence
from agent.maillog.tally_whose import Whose
from agent.model import Event, EventKind, NewEpoch
from agent.state import State, StateError
from demo import grammar
from demo.grammar import Voice
from tests.maillog_bed import ADDRESS, START, Bed, Totals, read_all, totals


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path)
    bed.log.write(2)
    bed.read()
    bed.log.truth.clear()
    yield bed
    bed.close()


class Sullen(State):
    """A state whose next commit fails, before it happened or after."""

    fails = False
    is_after = False

    def count(self, **arguments: object) -> tuple[Event, ...]:
        if not self.fails:
            return super().count(**arguments)  # type: ignore[arg-type]
        self.fails = False
        if self.is_after:
            super().count(**arguments)  # type: ignore[arg-type]
        raise StateError("no room", retryable=True)


@pytest.mark.parametrize("is_after", [False, True])
def test_what_was_not_committed_is_read_again(bed: Bed, tmp_path: Path, is_after: bool) -> None:
    """Also when the disk said no, and had written it all the same."""
    bed.close()
    bed.state = state = Sullen.open(tmp_path / "state.db", now=START)
    assert isinstance(state, Sullen)
    state.is_after = is_after
    bed.account = bed.new_account()
    bed.read()
    for _ in range(4):
        bed.log.at += accounting.COMMITS_APART
        bed.log.write(5)
        state.fails = True
        with pytest.raises(StateError, match="no room"):
            bed.account.step(bed.log.now)
        bed.read()
        assert bed.totals == bed.log.truth


def test_a_large_rest_is_committed_when_there_is_no_more(bed: Bed) -> None:
    bed.log.tick = timedelta(milliseconds=1)
    while bed.log.path.stat().st_size % CHUNK_BYTES < CHUNK_BYTES * 3 // 4:
        bed.log.write(20)
    bed.read()
    assert bed.totals == bed.log.truth


def test_lines_without_a_total_are_committed_as_late(bed: Bed) -> None:
    before = bed.state.position
    with bed.log.path.open("ab") as file:
        file.write(b"Nov 22 09:00:09 mx1 postfix/smtpd[1]: connect from x[1.2.3.4]\n")
    for _ in range(4):
        bed.account.step(bed.log.now)
    assert bed.account.lines_read == 1
    assert bed.state.position == before
    bed.log.at += accounting.COMMITS_APART + timedelta(seconds=1)
    with bed.log.path.open("ab") as file:
        file.write(b"Nov 22 09:00:59 mx1 postfix/smtpd[1]: connect from x[1.2.3.4]\n")
    bed.account.step(bed.log.now)
    assert bed.state.position != before


def test_a_reload_is_seen_at_once_and_kept(bed: Bed) -> None:
    reload_at = bed.log.at.replace(microsecond=0)
    with bed.log.path.open("ab") as file:
        file.write(grammar.master_reload(Voice(form=grammar.Form.RFC3164), bed.log.at))
    bed.read()
    assert bed.account.silence == Silence(reload_at=reload_at)
    bed.log.at += timedelta(seconds=9)
    bed.log.write(2)
    bed.restart()
    assert bed.account.silence == Silence(reload_at=reload_at)
    bed.read()
    assert bed.account.silence == Silence(reload_at=reload_at, begun=2)
    assert bed.state.silence == bed.account.silence


def test_a_log_that_may_not_be_read_names_the_group(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    bed.restart()
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refused)
        assert not bed.account.step(bed.log.now)
    (problem,) = bed.account.problems
    assert "permission denied" in problem
    assert "to the group adm" in problem
    bed.log.write(3)
    bed.read()
    assert bed.account.problems == ()
    assert bed.totals == bed.log.truth


def test_no_first_start_is_recorded_while_the_log_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = Bed(tmp_path)
    bed.log.write(2)
    with monkeypatch.context() as patched:
        patched.setattr("agent.maillog.files.os.open", _refuse)
        bed.account.step(bed.log.now)
    assert bed.state.position is None
    assert bed.state.counted_from is None
    bed.read()
    assert not bed.totals  # the end of the log, when it could be seen
    bed.close()


def _refuse(*_: object) -> int:
    raise PermissionError(13, "Permission denied")


def test_a_directory_in_the_logs_place(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.log.path.mkdir()
    bed.read()
    assert "not a regular file" in bed.account.problems[0]
    bed.close()


# A new epoch.


def restart(bed: Bed, wanted: NewEpoch) -> Totals:
    """The totals of the epoch that ends."""
    ended = bed.totals
    bed.account.restart_at(wanted, epoch="next", now=bed.log.now)
    assert (bed.state.epoch, bed.state.sequence, bed.totals) == ("next", 0, Counter())
    return ended


def wanted(bed: Bed) -> NewEpoch:
    """What a heartbeat of this moment would have the collector ask for later."""
    position = bed.state.position
    assert position is not None
    return NewEpoch(log_position=position.to_bytes(), counted_to=bed.state.counted_to)


@pytest.mark.parametrize("rotations", [0, 1, 3])
def test_a_restored_state_goes_on_where_the_collectors_account_ends(
    bed: Bed, tmp_path: Path, rotations: int
) -> None:
    bed.log.write(5)
    bed.read()
    bed.close()
    snapshot = tmp_path / "snapshot"
    shutil.copy(tmp_path / "state.db", snapshot)

    bed.state = State.open(tmp_path / "state.db", now=START)
    bed.restart()
    bed.log.write(6)
    bed.read()
    collector = bed.totals
    asked = wanted(bed)
    for _ in range(rotations):
        bed.log.rename()
        bed.log.write(4)
    bed.log.write(7)
    bed.read()  # counted, and never reported
    bed.close()

    shutil.copy(snapshot, tmp_path / "state.db")
    bed.state = State.open(tmp_path / "state.db", now=START)
    bed.restart()
    bed.read()
    restart(bed, asked)
    bed.log.write(3)
    bed.read()
    assert collector + bed.totals == bed.log.truth
    assert not bed.gaps()
    assert bed.state.counted_from == asked.counted_to


def test_without_a_position_the_log_time_decides(bed: Bed) -> None:
    bed.log.tick = timedelta(seconds=2)
    bed.log.write(5)
    bed.read()
    ended = bed.totals
    counted_to = bed.state.counted_to
    bed.log.write(2)
    bed.log.rename()
    bed.log.write(6)
    bed.read()
    restart(bed, NewEpoch(counted_to=counted_to))
    bed.read()
    assert ended + bed.totals == bed.log.truth
    (gap,) = bed.gaps()
    assert "between two epochs" in gap


def test_a_position_that_is_gone_falls_back_to_the_log_time(bed: Bed) -> None:
    bed.log.tick = timedelta(seconds=2)
    bed.log.write(5)
    bed.read()
    ended = bed.totals
    asked = wanted(bed)
    packed = bytearray(asked.log_position)
    packed[30] ^= 1  # another head
    bed.log.write(4)
    restart(bed, NewEpoch(log_position=bytes(packed), counted_to=asked.counted_to))
    bed.read()
    assert ended + bed.totals == bed.log.truth
    assert len(bed.gaps()) == 1


@pytest.mark.parametrize("packed", [b"", b"another version's position"])
def test_knowing_nothing_it_goes_on_where_we_stand(bed: Bed, packed: bytes) -> None:
    bed.log.write(5)
    bed.read()
    ended = restart(bed, NewEpoch(log_position=packed))
    bed.log.write(4)
    bed.read()
    assert ended + bed.totals == bed.log.truth
    assert not bed.gaps()


def test_a_new_epoch_before_the_log_is_back(bed: Bed) -> None:
    bed.log.write(5)
    bed.read()
    ended = bed.totals
    asked = wanted(bed)
    hidden = bed.log.path.rename(bed.log.path.with_name("hidden"))
    restart(bed, asked)
    assert bed.state.position == LogPosition.from_bytes(asked.log_position)
    hidden.rename(bed.log.path)
    bed.log.write(4)
    bed.read()
    assert ended + bed.totals == bed.log.truth


def test_event_numbers_go_on_growing_over_an_epoch(bed: Bed) -> None:
    before = bed.state.events_unacknowledged(9)[-1].id
    begun = bed.account.restart_at(NewEpoch(), epoch="next", now=bed.log.now)
    assert [event.kind for event in begun] == [EventKind.EPOCH_BEGUN]
    assert begun[0].id > before


def test_two_accounts_of_one_log_agree(bed: Bed, tmp_path: Path) -> None:
    """Read in one go or by drops, the totals are the same."""
    other = tmp_path / "other.db"
    state = State.open(other, now=START)
    account = Accounting(Logs.of(bed.log.path), state, whose=Whose(ADDRESS))
    read_all(account, bed.log.now)
    for _ in range(20):
        bed.log.write(1)
        bed.read()
    read_all(account, bed.log.now)
    assert totals(state) == bed.totals == bed.log.truth
    account.close()
    state.close()
