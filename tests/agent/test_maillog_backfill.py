"""Days of before the agent came: each line once, by minutes, and never in a total."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from agent.backfill import BackfillError, StateError, Work
from agent.config import AgentConfig
from agent.maillog.logs import Logs, Use
from agent.maillog.tally_whose import Whose
from agent.state import State
from agent.state_past import SLICE_MINUTES
from demo.grammar import Form
from tests.agent.test_maillog_packed import compress
from tests.journal_bed import RealJournal
from tests.maillog_bed import ADDRESS, Bed, Log, Totals

DAY = timedelta(days=1)


def settings_of(folder: Path) -> AgentConfig:
    return AgentConfig(collector_host="collector.example", state=folder)


def work_of(bed: Bed) -> Work:
    folder = bed.log.path.parent
    return Work(settings_of(folder), Logs.of(bed.log.path), whose=Whose(ADDRESS), now=bed.log.now)


def past(bed: Bed) -> Totals:
    rows = bed.state._file.rows("SELECT receiver, outcome, sum(attempts) FROM past GROUP BY 1, 2")
    return Counter({(receiver, outcome): count for receiver, outcome, count in rows})


def six_days(bed: Bed) -> None:
    """A rotation a day, the older ones compressed, the seventh day running."""
    bed.log.tick = timedelta(hours=1)
    for day in range(6):
        bed.log.write(24)
        rotated = bed.log.rename(f"mail.log-2026112{day}")
        os.utime(rotated, (bed.log.at.timestamp(),) * 2)
        if day < 4:
            compress(rotated)
    bed.log.write(2)


@pytest.mark.parametrize("form", list(Form), ids=lambda form: form.name)
def test_days_are_filled_by_the_minute(tmp_path: Path, form: Form) -> None:
    bed = Bed(tmp_path, form=form)
    bed.log.truth.clear()
    six_days(bed)
    truth = bed.log.truth.copy()
    bed.log.at += timedelta(minutes=1)
    bed.read()  # the daemon comes
    began = bed.state.counted_from
    bed.log.tick = timedelta(minutes=1)
    bed.log.at += timedelta(hours=1)
    bed.log.write(5)
    bed.read()
    totals = bed.totals
    for _ in range(2):  # twice says the same
        work = work_of(bed)
        size = work.plan(10)
        told: list[int] = []
        filled = work.do(told.append)
        assert sum(told) == size
        assert min(told) >= 0
        assert filled.attempts == {
            outcome: sum(n for (_, o), n in truth.items() if o == outcome)
            for outcome in sorted({o for _, o in truth})
        }
        assert filled.minutes == 146
        assert past(bed) == truth
    assert bed.totals == totals
    assert began is not None
    minutes = bed.state.minutes(after=began - 10 * DAY, before=began, limit=9999)
    assert sum(sum(one.attempts.values()) for one in minutes) == sum(truth.values())
    bed.close()


def test_only_the_days_asked_for(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.log.truth.clear()
    six_days(bed)
    bed.read()
    work = work_of(bed)
    work.plan(2)
    filled = work.do(lambda _: None)
    assert 47 <= sum(filled.attempts.values()) <= 49
    bed.close()


def test_the_daemon_is_not_kept_waiting(tmp_path: Path) -> None:
    """It has the file open, and commits between two of the slices."""
    bed = Bed(tmp_path)
    bed.log.truth.clear()
    bed.log.tick = timedelta(minutes=SLICE_MINUTES / 2)
    bed.log.write(50)
    bed.read()
    bed.log.truth.clear()
    work = work_of(bed)
    work.plan(3)
    bed.log.write(5)
    work.do(lambda _: bed.read())
    bed.read()
    assert bed.totals == bed.log.truth
    bed.close()


@pytest.mark.needs("systemd-journal-remote")
def test_the_journals_days(tmp_path: Path) -> None:
    journal = RealJournal(tmp_path / "journal")
    log = Log(tmp_path / "mail.log", form=Form.RFC3339)
    log.tick = timedelta(minutes=7)
    journal.write(log.lines(40))
    State.open(tmp_path / "state.db", now=log.now).close()
    logs = Logs(use=Use.JOURNAL, journal=journal.folder)
    work = Work(
        settings_of(tmp_path), logs, whose=Whose(ADDRESS), now=log.now + timedelta(minutes=1)
    )
    size = work.plan(1)
    told: list[int] = []
    filled = work.do(told.append)
    assert sum(told) == size
    assert sum(filled.attempts.values()) == 40


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    work = Work(
        settings_of(tmp_path), Logs.of(tmp_path / "x"), whose=Whose(ADDRESS), now=Log(tmp_path).now
    )
    with pytest.raises(StateError):
        work.plan(1)
    State.open(tmp_path / "state.db", now=Log(tmp_path).now).close()
    logs = Logs(use=Use.JOURNAL, journal=tmp_path / "none")
    work = Work(settings_of(tmp_path), logs, whose=Whose(ADDRESS), now=Log(tmp_path).now)
    work.plan(1)
    with pytest.raises(BackfillError, match="journal"):
        work.do(lambda _: None)


def test_the_command(tmp_path: Path) -> None:
    log = Log(tmp_path / "mail.log", form=Form.RFC3339)
    log.write(30)
    State.open(tmp_path / "state.db", now=log.now).close()
    text = (
        f'[collector]\nhost = "c.example"\n[node]\nstate = "{tmp_path}"\n'
        f'addresses = ["{ADDRESS}"]\n[postfix]\nlog = "{log.path}"\n'
    )
    (tmp_path / "agent.toml").write_text(text)
    words = (sys.executable, "-m", "agent", "backfill", "--days", "31", "-o", "json")
    done = subprocess.run(
        words,
        env=os.environ | {"MAILFLEET_CONFIG": str(tmp_path / "agent.toml")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"since", "before", "minutes", "attempts", "is_dry_run"}
