"""A real Postfix writes, reloads and rotates its log; the account agrees with what it says."""

import subprocess
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent.maillog.accounting import Accounting
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.state import State
from deliverability import senders
from deliverability.replies import Outcome
from tests import postfix_bed
from tests.maillog_bed import ADDRESS, read_all
from tests.postfix_bed import PostfixBed

pytestmark = pytest.mark.needs("root", "postfix")


def now() -> datetime:
    return datetime.now(timezone.utc)


def by_outcome(state: State) -> Counter[Outcome]:
    counts: Counter[Outcome] = Counter()
    for cell in state.cells():
        counts.update(cell.attempts)
    return counts


def rotate(bed: PostfixBed) -> None:
    """Renames with a date, signals, compresses (postfix(1))."""
    subprocess.run(["postfix", "-c", str(bed.config), "logrotate"], check=True, timeout=20)


def test_the_account_of_a_real_log(tmp_path: Path) -> None:
    with postfix_bed.running() as bed:
        state = State.open(tmp_path / "state.db", now=now())
        account = Accounting(Logs.of(bed.log), state, whose=Whose(ADDRESS))
        read_all(account, now())

        bed.send(6, to="u@sink.test")
        bed.send(3, to="u@google.test")
        bed.send(2, to="u@blocked.test")
        bed.wait_for(lambda: len(bed.delivered("sink.test")) == 6)
        bed.wait_for(lambda: sum("status=bounced" in line for line in bed.lines()) == 2)
        bed.wait_for(lambda: len(bed.delivered("google.test")) == 3)
        # Two bounces go to their sender, and are discarded here.
        bed.wait_for(lambda: len(bed.delivered("vps.test")) == 2)
        read_all(account, now())
        assert by_outcome(state) == {Outcome.SENT: 11, Outcome.BOUNCED: 2}
        assert not account.silence.begun

        bed.reload()
        bed.wait_for(lambda: any("reload -- version" in line for line in bed.lines()))
        read_all(account, now())
        assert account.silence.reload_at is not None
        assert abs(account.silence.reload_at - now()).total_seconds() < 10

        rotate(bed)
        assert list(bed.log.parent.glob("mail.log.*.gz"))
        bed.send(4, to="u@relay.test")
        bed.wait_for(lambda: len(bed.delivered("relay.test")) == 4)
        read_all(account, now())
        assert by_outcome(state) == {Outcome.SENT: 15, Outcome.BOUNCED: 2}
        assert account.lines_unparsed == 0
        assert [event.window for event in state.events_unacknowledged(9)] == [None]
        account.close()
        state.close()


def test_whose_mail_a_real_postfix_sent(tmp_path: Path) -> None:
    """Its own lines, but that its receivers on loopback have an address out in the world."""
    state = State.open(tmp_path / "state.db", now=now())
    log = tmp_path / "mail.log"
    account = Accounting(Logs.of(log), state, whose=Whose(ADDRESS))
    read_all(account, now())
    with postfix_bed.running() as bed:
        bed.send(5, to="u@sink.test", sender="n@News.shop.example")
        bed.send(3, to="u@google.test", sender="bounce+u=google.test@mail.shop.example")
        bed.send(2, to="u@blocked.test", sender="n@news.shop.example")
        bed.send(1, to="u@busy.test", sender="n@mail.shop.example")
        bed.wait_for(lambda: len(bed.delivered("google.test")) == 3)
        bed.wait_for(lambda: sum("status=bounced" in line for line in bed.lines()) >= 2)
        bed.wait_for(lambda: sum("status=deferred" in line for line in bed.lines()) >= 3)
        bed.wait_for(lambda: len(bed.delivered("sink.test")) == 5)
        bed.stop()
        lines = bed.log.read_text().replace(bed.address, "203.0.113.25")
    log.write_text(lines)
    read_all(account, now())
    told = {one.domain: one for one in state.senders_changed_since(-1)}
    mail, news = told["mail.shop.example"], told["news.shop.example"]
    assert (news.first_sent, news.first_bounced, news.bounced, news.deferred) == (5, 2, 2, 0)
    assert (mail.first_sent, mail.first_deferred) == (3, 1)
    # Put off again and again: one attempt for each line.
    assert mail.deferred == sum("status=deferred" in line for line in lines.splitlines()) >= 3
    assert senders.UNKNOWN not in told
    account.close()
    state.close()
