"""What is not understood is counted by daemon; the newest few are kept, hidden names and all."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.details import UNKNOWN_APART, UNKNOWN_SHARE_APART, UnknownNews
from agent.maillog import parse, unknown
from agent.maillog.unknown import DAEMONS_MAX, NEWEST_KEPT_MAX, NEWEST_LENGTH_MAX, UnknownLines
from agent.model import NewEpoch
from agent.state import State
from agent.status import unknown_lines
from tests.agent.samples import NOW
from tests.maillog_bed import START, Bed

STRANGE = b"Nov 22 09:00:00 mx1 postfix/%b[7]: 4F2: %b\n"
TORN = STRANGE % (b"smtp", b"to=<ann@x.example>, relay=mx[203.0.113.7]:25, status= ")


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path)
    bed.log.write(1)
    bed.read()
    yield bed
    bed.close()


def write(bed: Bed, *lines: bytes) -> None:
    with bed.log.path.open("ab") as file:
        file.writelines(lines)


def test_it_survives_a_restart(bed: Bed, tmp_path: Path) -> None:
    write(bed, STRANGE % (b"qmgr", b"a new word of <bob@x.example>"), TORN, b"amavis[1]: x\n")
    write(bed, b"x" * (1 << 17) + b"\n")
    bed.log.write(2)
    bed.read()
    bed.close()
    bed.state = State.open(tmp_path / "state.db", now=START)
    bed.account = bed.new_account()
    write(bed, STRANGE % (b"qmgr", b"another"))
    bed.read()
    known = bed.state.unknown_lines
    assert (known.lines, known.deliveries, known.overlong) == (9, 1, 1), known
    assert known.by_daemon == {"qmgr": 2}
    assert (known.count, len(known.newest)) == (4, 3)
    assert known.newest[0].endswith("4F2: a new word of <***@x.example>")
    assert "to=<***@x.example>, relay=mx[203.0.113.7]:25" in known.newest[1]
    assert known.newest[2].endswith("another")


def test_what_could_not_be_committed_is_counted_once(bed: Bed, tmp_path: Path) -> None:
    write(bed, TORN)
    bed.account.step(bed.log.now)
    bed.close()
    bed.state = State.open(tmp_path / "state.db", now=START)
    bed.account = bed.new_account()
    bed.read()
    assert (bed.state.unknown_lines.lines, bed.state.unknown_lines.deliveries) == (1, 1)


def test_a_new_epoch_counts_from_zero(bed: Bed) -> None:
    write(bed, TORN)
    bed.read()
    position = bed.state.position
    assert position is not None
    wanted = NewEpoch(log_position=position.to_bytes())
    bed.account.restart_at(wanted, epoch="another", now=bed.log.now)
    assert bed.state.unknown_lines == UnknownLines()


def test_everything_has_a_bound() -> None:
    """Whatever the log holds: names, lines, daemons."""
    known = UnknownLines()
    for number in range(3 * DAEMONS_MAX):
        name = b"d%d" % number + b"x" * 100
        parsed = parse.parse_chunk(STRANGE % (name, b"\x1b[31m\xff" + b"y" * 600))
        known = unknown.added(known, parsed, lines=1, overlong=0)
    assert len(known.by_daemon) == DAEMONS_MAX + 1
    assert sum(known.by_daemon.values()) == known.lines == 3 * DAEMONS_MAX
    assert known.by_daemon[unknown.OTHER] == 2 * DAEMONS_MAX
    assert len(known.newest) == NEWEST_KEPT_MAX
    assert all(len(line) <= NEWEST_LENGTH_MAX and line.isprintable() for line in known.newest)


def test_it_is_told_when_changed_and_seldom() -> None:
    news, one = UnknownNews(), UnknownLines(lines=10, by_daemon={"qmgr": 1})
    assert news.choose(1, one, whole=False, now=NOW) == one
    assert news.choose(2, one, whole=False, now=NOW) == one, "not acknowledged yet"
    news.acknowledged(2)
    more, two = UnknownLines(lines=20, by_daemon={"qmgr": 1}), UnknownLines(lines=20, deliveries=1)
    soon = NOW + timedelta(seconds=30)
    assert news.choose(3, two, whole=False, now=soon) is None
    assert news.choose(4, two, whole=True, now=soon) == two
    news.acknowledged(3)
    assert news.choose(5, two, whole=False, now=NOW + UNKNOWN_APART) == two
    assert news.choose(6, more, whole=False, now=NOW + UNKNOWN_APART) is None
    assert news.choose(7, more, whole=False, now=NOW + UNKNOWN_SHARE_APART) == more
    news.acknowledged(7)
    assert news.choose(8, more, whole=False, now=NOW + 2 * UNKNOWN_SHARE_APART) is None


def test_where_all_is_understood_nothing_is_repeated() -> None:
    news = UnknownNews()
    assert news.choose(1, UnknownLines(lines=10), whole=False, now=NOW) is not None
    news.acknowledged(1)
    later = NOW + timedelta(days=1)
    assert news.choose(2, UnknownLines(lines=999), whole=False, now=later) is None


def test_status_says_it() -> None:
    told: dict[str, object] = {
        "unknown_lines": {
            "lines": 1000,
            "unknown": 3,
            "deliveries": 1,
            "overlong": 0,
            "daemons": {"qmgr": 2},
            "newest": ["a line"],
        }
    }
    assert unknown_lines(told) == [
        "3 of 1000 lines not understood (0.300%): qmgr 2, deliveries 1",
        "a line",
    ]
    assert unknown_lines({"unknown_lines": {"unknown": 0}}) == unknown_lines({}) == []
    others: dict[str, object] = {"unknown_lines": {"unknown": 0, "hosts": {"relay7": 4}}}
    assert unknown_lines(others) == ["lines of other machines in the log, not counted: relay7 4"]
