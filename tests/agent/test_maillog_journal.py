"""The systemd journal as the log: a real one, read by the real libsystemd."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.maillog import journal, journal_lines
from agent.maillog.logs import Logs, Use
from agent.maillog.position import JournalPosition
from agent.model import NewEpoch
from tests.journal_account import PATIENCE_SECONDS, JournalBed
from tests.journal_bed import fields_of
from tests.maillog_bed import START, read_all

pytestmark = pytest.mark.needs("systemd-journal-remote")


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[JournalBed]:
    bed = JournalBed(tmp_path)
    yield bed
    bed.close()


def test_the_first_start_is_at_the_end(bed: JournalBed) -> None:
    bed.begin()
    assert bed.state.counted_from is not None
    bed.write(5)
    bed.read()
    assert bed.totals == bed.log.truth
    assert bed.account.lines_read == 10
    assert not bed.gaps()


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_written_is_counted_once(bed: JournalBed, restarts: bool) -> None:
    bed.begin()
    for _ in range(3):
        bed.write(4)
        if restarts:
            bed.restart()
        bed.read()
        assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_an_empty_journal_is_read_from_its_first_entry(bed: JournalBed) -> None:
    bed.journal.add(
        [
            fields_of(b"2026-11-22T08:00:00.000000+00:00 mx1 cron[1]: x\n")
            | {"SYSLOG_FACILITY": b"9"}
        ]
    )
    read_all(bed.account, bed.log.now)
    assert bed.state.position == JournalPosition(at=bed.log.now)
    bed.log.at = bed.log.now
    bed.write(3)
    bed.read()
    bed.restart()
    bed.write(3)
    bed.read()
    assert bed.totals == bed.log.truth
    assert not bed.gaps()


def test_a_vacuumed_journal_is_a_gap_with_its_window(bed: JournalBed) -> None:
    bed.begin()
    bed.write(4)
    bed.read()
    bed.account.close()
    counted, counted_to = bed.totals, bed.state.counted_to
    bed.write(5)  # never read, and gone with the rest
    bed.log.truth = counted
    (bed.journal.folder / "system.journal").unlink()
    bed.log.at += timedelta(minutes=1)
    bed.write(6, name="system@new")
    bed.read()
    assert bed.totals == bed.log.truth
    (gap,) = [event for event in bed.state.events_unacknowledged(9) if event.window]
    assert gap.window is not None
    assert gap.window[0] == counted_to
    assert timedelta(minutes=1) < gap.window[1] - gap.window[0] < timedelta(minutes=2)


def test_a_journal_that_lost_its_end_in_a_crash(bed: JournalBed) -> None:
    """The entries we had read are not there; new ones have their numbers."""
    bed.begin()
    path = bed.journal.folder / "system.journal"
    kept = path.read_bytes()
    bed.write(6)
    bed.read()
    bed.account.close()
    path.write_bytes(kept)
    bed.log.at += timedelta(seconds=30)
    bed.write(9)
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(bed.gaps()) == 1


def test_bytes_that_are_no_text_and_long_ones(bed: JournalBed) -> None:
    bed.begin()
    lines = bed.log.lines(3)
    lines[1] = lines[1].replace(b"status=", b"x=\xff\xfe\xc3, status=")
    lines[3] = lines[3].replace(b"status=", b"y=" + b"z" * 9000 + b", status=")
    bed.journal.write(lines)
    bed.journal.add([fields_of(lines[0]) | {"MESSAGE": b"e" * 100_000}])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while bed.account.lines_read < 7 and time.monotonic() < deadline:
        read_all(bed.account, bed.log.now)
    assert bed.totals == bed.log.truth
    assert bed.account.lines_unparsed == 1


def test_a_new_epoch_goes_on_where_the_collector_says(bed: JournalBed) -> None:
    bed.begin()
    bed.write(3)
    bed.read()
    known, position = bed.totals, bed.state.position
    assert position is not None
    asked = NewEpoch(log_position=position.to_bytes(), counted_to=bed.state.counted_to)
    bed.write(4)
    bed.read()
    bed.account.restart_at(asked, epoch="next", now=bed.log.now)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while known + bed.totals != bed.log.truth and time.monotonic() < deadline:
        read_all(bed.account, bed.log.now)
    assert known + bed.totals == bed.log.truth
    assert not bed.gaps()


def test_lines_of_postfix_in_the_foreground_are_whole_already() -> None:
    text = b"Nov 22 09:33:50 mx1 postfix/smtp[797]: 4F9D195432C: removed"
    encoded = (
        b'{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795300000000001","_TRANSPORT":"stdout",'
        b'"SYSLOG_IDENTIFIER":"postfix","MESSAGE":"' + text + b'"}'
    )
    line = journal_lines.line_of(encoded)
    assert line is not None
    assert line.text == text + b"\n"


@pytest.mark.parametrize(
    "encoded", [b"", b"{}", b"-- Journal begins --", b'{"__CURSOR":"s"}', b'{"__CURSOR":1}', b"[1]"]
)
def test_what_is_no_entry_is_none(encoded: bytes) -> None:
    assert journal_lines.line_of(encoded) is None


# Which of both.


def test_the_journal_is_chosen_where_no_file_is(
    bed: JournalBed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mail.log"
    logs = Logs(patterns=(str(path),), use=Use.FIRST_FOUND, journal=bed.journal.folder)
    for is_there, chosen in ((False, False), (True, True)):
        monkeypatch.setattr(journal, "is_there", lambda _, found=is_there: found)
        source = logs.open(None, counted_to=START)
        assert isinstance(source, journal.Journal) is chosen
    path.touch()
    assert not isinstance(logs.open(None, counted_to=START), journal.Journal)
    begun = JournalPosition(at=START)
    assert isinstance(logs.open(begun, counted_to=START), journal.Journal)


def test_from_a_file_to_the_journal_and_back(bed: JournalBed, tmp_path: Path) -> None:
    """Each change is told; nothing is counted twice."""
    bed.logs = Logs.of(bed.log.path)
    bed.restart()
    bed.log.path.touch()
    read_all(bed.account, bed.log.now)
    for logs in (Logs(use=Use.JOURNAL, journal=bed.journal.folder), Logs.of(bed.log.path)):
        lines = bed.log.lines(4)
        bed.journal.write(lines)
        with bed.log.path.open("ab") as file:
            file.write(b"".join(lines))
        bed.read()
        assert bed.totals == bed.log.truth
        bed.log.at += timedelta(seconds=5)
        bed.logs = logs
        bed.restart()
    bed.read()
    assert bed.totals == bed.log.truth
    assert len(bed.gaps()) == 2
