"""A log that several machines write into: only our own lines count, whatever they are called."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from agent.maillog import hosts
from agent.maillog.accounting import Accounting
from agent.maillog.accounting_recount import Begun, Recounter
from agent.maillog.logs import Logs
from agent.maillog.tally_whose import Whose
from agent.model import Recount, RecountRequest
from agent.state import State
from tests.maillog_bed import ADDRESS, START, Bed, read_all, totals

OURS, OTHER = b"mx1", b"relay7"


@dataclass
class Shared:
    """`say` writes a delivery's two lines under a host's name and, of ours, keeps the truth."""

    bed: Bed
    names: set[bytes] = field(default_factory=lambda: {OURS})

    def own(self) -> frozenset[bytes]:
        return frozenset(self.names)

    def say(self, host: bytes, count: int = 1, *, instance: bytes = b"postfix") -> None:
        log = self.bed.log
        before = log.truth.copy()
        lines = log.lines(count)
        if host == OTHER:
            log.truth = before
        tag = b" %b %b/" % (host, instance)
        with log.path.open("ab") as file:
            file.writelines(line.replace(b" mx1 postfix/", tag) for line in lines)

    def account(self) -> Accounting:
        return Accounting(
            Logs.of(self.bed.log.path), self.bed.state, whose=Whose(ADDRESS, own=self.own)
        )

    def read(self) -> None:
        read_all(self.bed.account, self.bed.log.now)

    def restart(self) -> None:
        self.bed.account.close()
        self.bed.account = self.account()

    def later(self) -> None:
        self.bed.log.at += hosts.WAITS_FOR
        self.read()

    def taken_out(self) -> int:
        return sum(self.bed.state.unknown_lines.by_host.values())


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    shared = Shared(Bed(tmp_path))
    shared.bed.account.close()
    shared.bed.account = shared.account()
    shared.bed.log.write(1)
    shared.read()
    shared.bed.log.truth.clear()
    yield shared
    shared.bed.close()


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_another_machines_lines_are_not_ours(shared: Shared, at_once: int) -> None:
    """Read line by line or all at one time, and with a restart in between."""
    chance = random.Random(at_once)
    others = 0
    for number in range(300):
        is_other = chance.random() < 0.5
        others += is_other
        shared.say(OTHER if is_other else OURS)
        if number % at_once == 0:
            shared.read()
        if number == 150:
            shared.restart()
    shared.say(OURS)
    shared.read()
    assert shared.bed.totals == shared.bed.log.truth
    known = shared.bed.state.unknown_lines
    assert known.by_host == {OTHER.decode(): 2 * others}
    assert known.lines == 602
    assert known.count == 0


def test_the_first_lines_of_a_new_machine_wait_and_are_not_lost_by_a_crash(
    shared: Shared, tmp_path: Path
) -> None:
    shared.say(OURS, 3)
    shared.read()
    shared.say(OTHER, 2)
    shared.read()
    assert shared.bed.totals == shared.bed.log.truth
    shared.bed.close()
    shared.bed.state = State.open(tmp_path / "state.db", now=START)
    shared.bed.account = shared.account()
    shared.say(OURS, 2)
    shared.say(OTHER, 2)
    shared.say(OURS, 2)
    shared.read()
    assert shared.bed.totals == shared.bed.log.truth
    assert shared.taken_out() > 0


@pytest.mark.parametrize("is_told", [True, False], ids=["the machine knows", "syslogd alone"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_renamed_machine_counts_on(shared: Shared, is_told: bool, at_once: bool) -> None:
    shared.say(OURS, 5)
    if is_told:
        shared.names = {b"mx9.shop.example"}
    for _ in range(5):
        shared.say(b"mx9", 4)
        if not at_once:
            shared.read()
    shared.later()
    shared.say(b"mx9", 4)
    shared.later()
    assert shared.bed.totals == shared.bed.log.truth
    assert shared.taken_out() == 0


def test_a_backlog_from_before_the_renaming_counts(shared: Shared) -> None:
    shared.names = {b"mx2"}
    shared.restart()
    shared.say(OURS, 5)
    shared.say(b"mx2", 5)
    shared.read()
    shared.restart()
    shared.say(b"mx2", 5)
    shared.read()
    assert shared.bed.totals == shared.bed.log.truth
    assert shared.taken_out() == 0


@pytest.mark.parametrize("names", [set[bytes](), {b"nobody-here"}])
def test_without_a_line_of_our_own_name_all_count(shared: Shared, names: set[bytes]) -> None:
    """A container's log, say."""
    shared.names = names
    shared.restart()
    for _ in range(4):
        shared.say(b"c1", 2)
        shared.say(b"c2", 2)
    shared.read()
    assert shared.bed.totals == shared.bed.log.truth


def test_another_instance_of_ours_may_have_another_name(shared: Shared) -> None:
    """Each instance writes its own myhostname where Postfix itself writes the log."""
    for _ in range(4):
        shared.say(OURS, 2)
        shared.say(b"out", 2, instance=b"postfix-out")
    shared.later()
    shared.later()
    assert shared.bed.totals == shared.bed.log.truth
    assert shared.taken_out() == 0


def test_names_compare_by_their_first_label_addresses_whole() -> None:
    same = {hosts.name_of(name) for name in (b"mx1", b"MX1.shop.example", b"mx1.shop.example")}
    assert same == {b"mx1"}
    assert hosts.name_of(b"192.0.2.1") == b"192.0.2.1"
    assert hosts.name_of(b"2001:db8::1") == b"2001:db8::1"


def test_what_waits_is_bounded(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "WAITING_BYTES_MAX", 10_000)
    shared.say(OURS)
    shared.say(b"mx9", 400)
    shared.read()
    assert sum(shared.bed.totals.values()) > 0
    shared.say(b"mx9", 400)
    shared.later()
    assert shared.bed.totals == shared.bed.log.truth


PIECES = st.one_of(
    st.sampled_from(
        [
            b"Nov 22 09:00:00 ",
            *(b"mx1 ", b"relay7 ", b"RELAY7.x ", b"localhost ", b"192.0.2.1 "),
            *(b"postfix/smtp[1]: ", b"postfix-out/qmgr[2]: ", b"dovecot: ", b": ", b"\n", b"\0"),
        ]
    ),
    st.binary(max_size=9),
)


@given(st.lists(st.lists(PIECES, max_size=30).map(b"".join), max_size=8))
def test_no_line_is_lost_or_told_twice(chunks: list[bytes]) -> None:
    """Whatever stands in it: what is not taken out is there, in its order."""
    known = hosts.Hosts(lambda: frozenset((b"mx1",)), ())
    kept, taken_out, lines = b"", 0, 0
    for chunk in chunks:
        whole = chunk + b"\n"
        known.read(whole)
        lines += whole.count(b"\n")
        found, others = known.sifted()
        assert b"mx1" not in others
        kept += found
        taken_out += sum(others.values())
    assert kept.count(b"\n") + taken_out == lines
    rest = iter(b"\n".join(chunk for chunk in (*chunks, b"")).split(b"\n"))
    assert all(line in rest for line in kept.split(b"\n")[:-1])


async def test_a_recount_takes_out_the_same(shared: Shared) -> None:
    for _ in range(6):
        shared.say(OURS, 3)
        shared.say(OTHER, 2)
        shared.read()
    shared.say(OURS, 3)
    shared.read()
    state = shared.bed.state
    assert state.position is not None
    recounter = Recounter(
        logs=Logs.of(shared.bed.log.path),
        whose=Whose(ADDRESS, own=shared.own),
        now=lambda: shared.bed.log.now + timedelta(minutes=1),
    )
    begun = Begun(epoch=state.epoch, began_at=state.began_at, counted_from=state.counted_from)
    request = RecountRequest(number=1, epoch=state.epoch, log_position=state.position.to_bytes())

    async def tell(_: Recount) -> None: ...

    found = await recounter.count(request, begun, tell=tell)
    assert found.problem == ""
    assert {c.key: c.attempts for c in found.cells} == {c.key: c.attempts for c in state.cells()}
    assert totals(state) == shared.bed.log.truth
