"""Whose mail it was: counted by the sender's domain, through retries, restarts and gaps."""

import random
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.maillog import parse
from agent.maillog.position import LogPosition
from agent.maillog.tally import Tally
from agent.maillog.tally_senders import LOOKS_MAX, SENDERS_MAX, UNDERWAY_MAX, Underway
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock
from agent.model import SenderCount
from agent.state import State
from deliverability import senders

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
GOOGLE = "aspmx.l.google.com[142.250.27.26]:25"
FILTER = "127.0.0.1[127.0.0.1]:10024"


class Mail:
    """One node's account over a real state file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.db"
        self.open()
        self.state.start_counting(position=LogPosition(), counted_from=NOW - timedelta(days=60))

    def open(self) -> None:
        self.state = State.open(self._path, now=NOW)
        clock = LineClock(NOW + timedelta(days=1), timezone.utc)
        self.tally = Tally(Whose("198.51.100.9"), self.state.known(), clock=clock)

    def read(self, *lines: str) -> None:
        self.tally.fold(parse.parse_counted("".join(f"{line}\n" for line in lines).encode()))

    def commit(self) -> None:
        counted = self.tally.counted()
        self.state.count(position=LogPosition(), counted_to=NOW, counted=counted)
        self.tally.committed()

    def restart(self) -> None:
        """What was not committed is read again by whoever asks for this."""
        self.state.close()
        self.open()

    def told(self) -> dict[str, SenderCount]:
        self.commit()
        return {one.domain: one for one in self.state.senders_changed_since(-1)}


@pytest.fixture
def mail(tmp_path: Path) -> Mail:
    return Mail(tmp_path)


def up(qid: str, sender: str = "n@shop.example", *, nrcpt: int = 1) -> str:
    head = "Nov 22 09:00:00 mx1 postfix/qmgr[7]:"
    return f"{head} {qid}: from=<{sender}>, size=4711, nrcpt={nrcpt} (queue active)"


def to(qid: str, status: str = "sent", *, who: str = "a", relay: str = GOOGLE) -> str:
    return (
        f"Nov 22 09:00:01 mx1 postfix/smtp[8]: {qid}: to=<{who}@b.example>, relay={relay},"
        f" delay=1, delays=0.1/0.2/0.3/0.4, dsn=2.0.0, status={status} (250 ok)"
    )


def test_each_attempt_is_its_senders(mail: Mail) -> None:
    mail.read(up("A1"), up("A2", "x@News.Example"), up("A3"), up("A4", "y@other.example"))
    mail.read(to("A1"), to("A2", "deferred"), to("A3", "bounced"), to("A4"))
    mail.read(up("A2", "x@News.Example"), to("A2"))
    assert mail.told() == {
        "shop.example": SenderCount(
            domain="shop.example", sent=1, bounced=1, first_sent=1, first_bounced=1
        ),
        "news.example": SenderCount(domain="news.example", sent=1, deferred=1, first_deferred=1),
        "other.example": SenderCount(domain="other.example", sent=1, first_sent=1),
    }


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("", senders.NOBODY),
        ("root", senders.OTHER),
        ("a@localhost", senders.OTHER),
        ("a@[192.0.2.1]", senders.OTHER),
        ("a@192.0.2.1", senders.OTHER),
        ("a@xn--mller-kva.example", "xn--mller-kva.example"),
        ("a@müller.example", senders.OTHER),
        ("bounce+x=y.example@Mail.Shop.EXAMPLE.", "mail.shop.example"),
        ('"a b@c>, size=1, x"@shop.example', "shop.example"),
        ("a@b@shop.example", "shop.example"),
        ("a@" + "x" * 300 + ".example", senders.OTHER),
        ("a@sh=op.example", senders.OTHER),
        ("a@shop>.example", senders.OTHER),
        (">", senders.OTHER),
    ],
)
@pytest.mark.parametrize("nrcpt", [1, 2])
@pytest.mark.parametrize("more", [0, 60], ids=["few", "many lines"])
def test_names(mail: Mail, sender: str, domain: str, nrcpt: int, more: int) -> None:
    came = "Nov 22 09:00:00 mx1 postfix/smtpd[7]: A1: client=app1.example.net[10.0.0.5]"
    mail.read(*[came] * more, up("A1", sender, nrcpt=nrcpt), to("A1"), up("A2", sender))
    mail.commit()
    mail.restart()
    mail.read(to("A2"))
    (one,) = mail.told().values()
    assert (one.domain, one.sent) == (domain, 2)
    assert mail.state.cells()[0].bytes_sent == 2 * 4711


def test_what_cannot_be_what_was_said_is_not_known_and_no_more(mail: Mail) -> None:
    mail.read(up("A1"), up("A2"), to("A1"))
    mail.commit()
    mail.state._file.rows("UPDATE underway SET said = CAST('a>b>, size=1' AS BLOB)")
    mail.restart()
    mail.read(to("A2"))
    assert {name: one.sent for name, one in mail.told().items()} == {
        "shop.example": 1,
        senders.UNKNOWN: 1,
    }


def test_of_several_recipients_each_is_counted(mail: Mail) -> None:
    mail.read(up("A1", nrcpt=3), to("A1"), to("A1", "deferred", who="b"))
    mail.commit()
    mail.restart()
    mail.read(to("A1", "bounced", who="c"), up("A1", nrcpt=3), to("A1", who="b"))
    (one,) = mail.told().values()
    assert (one.sent, one.deferred, one.bounced) == (2, 1, 1)
    assert (one.first_sent, one.first_deferred, one.first_bounced) == (1, 1, 1)


def test_who_is_under_way_is_known_after_a_restart(mail: Mail) -> None:
    mail.read(up("A1"), up("A2"), up("A3", "z@z.example"), to("A2"))
    mail.commit()
    assert len(mail.state.known().underway) == 2
    mail.restart()
    mail.read(to("A1"), to("A3", "deferred"))
    assert {name: one.sent for name, one in mail.told().items()} == {
        "shop.example": 2,
        "z.example": 0,
    }
    assert mail.state.known().underway == {}


def test_whose_line_was_never_read_is_unknown_and_said(mail: Mail) -> None:
    mail.read(up("A1"), up("A2"), to("A0"), to("A0", "bounced", who="b"))
    mail.tally.missed(NOW)
    mail.read(to("A1"), to("A2", "deferred"))
    (one,) = mail.told().values()
    assert (one.domain, one.sent, one.deferred, one.bounced) == (senders.UNKNOWN, 2, 1, 1)


def test_what_stays_on_the_machine_is_nobodys(mail: Mail) -> None:
    mail.read(up("A1"), to("A1", relay=FILTER), up("A2"), to("A2", "bounced", relay=FILTER))
    assert mail.told() == {}
    assert mail.state.known().underway == {}


def test_a_service_may_have_a_name_of_its_own(mail: Mail) -> None:
    """Its queue manager has Postfix's; another Postfix beside it has its own queue."""
    by_service = (to(f"A{k}").replace("postfix/", "postfix-ip7/") for k in range(4))
    others = [up("A2", "y@other.example"), to("A2", "bounced"), up("A9", "y@other.example")]
    others = [line.replace("postfix/", "mta-b/") for line in others]
    mail.read(*(up(f"A{k}", nrcpt=1 + k % 2) for k in range(4)), *others, *by_service)
    mail.commit()
    mail.restart()
    mail.read(to("A9").replace("postfix/", "mta-b/relay/"), to("A8").replace("postfix/", "new/"))
    told = mail.told()
    assert (told["shop.example"].sent, told["other.example"].bounced) == (4, 1)
    assert (told["other.example"].sent, told[senders.UNKNOWN].sent) == (1, 1)


def test_what_its_queue_manager_removed_is_no_longer_open(mail: Mail) -> None:
    """The next message under the same id begins anew, for whoever it was deferred before."""
    by_service = [to("A1", "deferred").replace("postfix/", "postfix-ip7/")]
    mail.read(up("A1"), *by_service, "Nov 22 09:00:02 mx1 postfix/qmgr[7]: A1: removed")
    mail.read(up("A1"), *by_service)
    assert mail.told()["shop.example"].first_deferred == 2


def test_a_new_epoch_forgets(mail: Mail) -> None:
    mail.read(up("A1"), up("A2"), to("A1"))
    assert mail.told()
    mail.state.begin_epoch("next", counted_from=NOW, position=None, gap=None, now=NOW)
    assert (mail.state.senders_changed_since(-1), mail.state.known().underway) == ((), {})


def test_more_domains_than_rows_are_other(mail: Mail) -> None:
    for number in range(SENDERS_MAX + 9):
        mail.read(up(f"A{number}", f"a@d{number}.example"), to(f"A{number}"))
    told = mail.told()
    assert len(told) == SENDERS_MAX + 1
    assert told[senders.OTHER].sent == 9
    mail.restart()
    mail.read(up("B1", "a@new.example"), to("B1"), up("B2", "a@d5.example"), to("B2"))
    told = mail.told()
    assert (told[senders.OTHER].sent, told["d5.example"].sent) == (10, 2)


def test_what_is_remembered_is_bounded() -> None:
    """In memory, and in the ledger, which holds what is remembered and nothing else."""
    known, ledger = Underway({}), set[bytes]()
    for number in range(3 * UNDERWAY_MAX):
        message = b"%d" % number
        one, many = (message, b"a.example>, size=1"), (b"s" + message, b"b.example>, size=1", 2)
        known.taken_up([one], [many])
        if number % 5000 == 0 or number == 3 * UNDERWAY_MAX - 1:
            taken_up, let_go = known.changed()
            ledger = ledger - set(let_go) | set(taken_up)
            known.committed()
            assert len(ledger) <= 3 * UNDERWAY_MAX
    _, let_go = known.changed()
    ledger -= set(let_go)
    assert len(ledger) <= UNDERWAY_MAX
    assert known.get(b"", queue_id=b"0") is None
    assert all(known.get(b"", queue_id=one) is not None for one in ledger)


def test_of_names_without_end_some_are_looked_for_with_each_chunk(mail: Mail) -> None:
    """To look for whose queue it is may take a walk through all that is under way."""
    names = range(3 * LOOKS_MAX)
    for turn in (1, 2, 3):
        mail.read(*(up(f"A{n}") for n in names))
        mail.read(*(to(f"A{n}").replace("postfix/smtp", f"postfix-out{n}/smtp") for n in names))
        told = mail.told()
        found = sum(range(turn + 1)) * LOOKS_MAX
        assert told["shop.example"].sent == found
        assert sum(one.sent for one in told.values()) == turn * len(names)


@pytest.mark.parametrize("seed", range(12))
def test_any_log_read_in_any_way_counts_as_its_lines_say(tmp_path: Path, seed: int) -> None:
    """Messages of several domains, tried and retried at once, in chunks that end anywhere, with
    commits and restarts between them; what was not committed is read again."""
    dice = random.Random(seed)
    lines, truth = _log(dice)
    mail = Mail(tmp_path)
    committed = place = 0
    while place < len(lines):
        size = dice.choice((1, 3, 20, 200, 2000))
        mail.read(*lines[place : place + size])
        place += size
        drawn = dice.random()
        if drawn < 0.4:
            mail.commit()
            committed = place
        if 0.3 < drawn < 0.5:
            mail.restart()
            place = committed
    told = mail.told()
    counted = {
        (name, kind): number
        for name, one in told.items()
        for kind, number in asdict(one).items()
        if kind != "domain" and number
    }
    assert counted == truth, seed


def _log(dice: random.Random) -> tuple[list[str], Counter[tuple[str, str]]]:
    """Lines, and what they come to by domain and name of the count."""
    truth: Counter[tuple[str, str]] = Counter()
    lines: list[str] = []
    waiting: list[tuple[str, str, list[str], set[str], int]] = []
    for number in range(400):
        domain = dice.choice(("a.example", "b.example", "c.example", ""))
        nrcpt = dice.choice((1, 1, 1, 4))
        who = [f"u{k}" for k in range(nrcpt)]
        waiting.append((f"{number:X}Q", domain, who, set(), nrcpt))
        dice.shuffle(waiting)
        while len(waiting) > (30 if number < 399 else 0):
            qid, name, left, tried, count = waiting.pop()
            lines.append(up(qid, f"x@{name}" if name else "", nrcpt=count))
            again = []
            for one in left:
                status = dice.choices(("sent", "deferred", "bounced"), (8, 3, 1))[0]
                lines.append(to(qid, status, who=one))
                truth[name or senders.NOBODY, status] += 1
                if one not in tried:
                    truth[name or senders.NOBODY, f"first_{status}"] += 1
                tried.add(one)
                if status == "deferred":
                    again.append(one)
            if again:
                waiting.append((qid, name, again, tried, count))
                dice.shuffle(waiting)
    return lines, truth
