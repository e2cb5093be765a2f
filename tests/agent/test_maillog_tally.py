"""Totals by receiver and outcome: committed and not, bounded, never moving."""

from agent.maillog import parse
from agent.maillog.parse import Delivery
from agent.maillog.tally import STRANGERS_MAX, Tally
from agent.model import Cell, CellKey
from deliverability import receivers
from deliverability.replies import Outcome

ADDRESS = "198.51.100.9"


def sent(relay: str, *, status: str = "sent", daemon: str = "smtp") -> Delivery:
    line = (
        f"Nov 22 09:00:00 mx1 postfix/{daemon}[7]: 4cB1Gk2zTMz9sWZ: to=<a@b.example>,"
        f" relay={relay}, delay=9, delays=0/0/0/0, dsn=2.0.0, status={status} (250 ok)"
    )
    event = parse.parse_line(line.encode())
    assert isinstance(event, Delivery)
    return event


def stranger(number: int) -> Delivery:
    return sent(f"mx.firm{number}.example[203.0.113.1]:25")


GOOGLE = sent("aspmx.l.google.com[142.250.27.26]:25")
KEY = CellKey(ADDRESS, "google")


def stored(tally: Tally, cells: dict[CellKey, dict[Outcome, int]]) -> None:
    """As the state file does: absolute totals over what was there."""
    for key, cell in tally.changed().items():
        cells[key] = dict(cell)
    tally.committed()


def test_changed_is_the_total_and_only_of_changed_cells() -> None:
    other = Cell(key=CellKey(ADDRESS, "yahoo"), attempts={Outcome.SENT: 1})
    google = Cell(key=KEY, attempts={Outcome.SENT: 5, Outcome.BOUNCED: 1})
    tally = Tally(ADDRESS, [google, other])
    assert tally.changed() == {}
    tally.add(GOOGLE)
    tally.add(GOOGLE)
    assert tally.changed() == {KEY: {Outcome.SENT: 7, Outcome.BOUNCED: 1}}
    tally.committed()
    assert tally.changed() == {}
    tally.add(GOOGLE)
    assert tally.changed() == {KEY: {Outcome.SENT: 8, Outcome.BOUNCED: 1}}


def test_discarded_is_as_if_never_read() -> None:
    tally = Tally(ADDRESS, [])
    tally.add(GOOGLE)
    tally.committed()
    for number in range(STRANGERS_MAX):
        tally.add(stranger(number))
    tally.discard()
    tally.add(sent("mx.newcomer.example[203.0.113.1]:25"))
    assert tally.changed() == {CellKey(ADDRESS, "newcomer.example"): {Outcome.SENT: 1}}


def test_another_addresss_cells_are_left_alone() -> None:
    elsewhere = Cell(key=CellKey("198.51.100.10", "google"), attempts={Outcome.SENT: 5})
    tally = Tally(ADDRESS, [elsewhere])
    tally.add(GOOGLE)
    assert tally.changed() == {KEY: {Outcome.SENT: 1}}


def test_the_table_is_bounded_and_nothing_moves_or_is_lost() -> None:
    cells: dict[CellKey, dict[Outcome, int]] = {}
    tally = Tally(ADDRESS, [])
    for turn in range(3):
        for number in range(100):
            tally.add(stranger(number))
        before = {key: sum(cell.values()) for key, cell in cells.items()}
        stored(tally, cells)
        assert all(sum(cells[key].values()) >= count for key, count in before.items())
        if turn == 1:  # a restart finds the same rows
            tally = Tally(ADDRESS, [Cell(key=k, attempts=c) for k, c in cells.items()])
    assert sum(sum(cell.values()) for cell in cells.values()) == 300
    assert len(cells) == STRANGERS_MAX + 1
    assert cells[CellKey(ADDRESS, receivers.OTHER)] == {Outcome.SENT: 3 * (100 - STRANGERS_MAX)}


def test_known_providers_find_a_row_in_a_full_table() -> None:
    tally = Tally(ADDRESS, [])
    for number in range(100):
        tally.add(stranger(number))
    tally.add(GOOGLE)
    tally.add(sent("local", daemon="local"))
    changed = tally.changed()
    assert changed[KEY] == {Outcome.SENT: 1}
    assert changed[CellKey(ADDRESS, receivers.LOCAL)] == {Outcome.SENT: 1}
    assert len(changed) <= STRANGERS_MAX + len(receivers.KNOWN) + len(receivers.RESERVED)


def test_probes_are_no_attempts() -> None:
    assert parse.parse_chunk(
        b"x postfix/smtp[7]: 4cB1Gk2zTMz9sWZ: to=<a@b.example>, relay=none, delay=9,"
        b" delays=0/0/0/0, dsn=2.0.0, status=undeliverable (x)\n"
    ) == ([], 0)
    tally = Tally(ADDRESS, [])
    tally.add(GOOGLE._replace(status=b"undeliverable"))
    assert tally.changed() == {}


def test_a_pipe_that_leaves_the_machine_is_its_recipients_domain() -> None:
    pipe = sent("uucp", daemon="pipe")
    inward, outward = Tally(ADDRESS, []), Tally(ADDRESS, [], pipes_out=frozenset({b"uucp"}))
    inward.add(pipe)
    outward.add(pipe)
    assert [key.receiver for key in inward.changed()] == [receivers.LOCAL]
    assert [key.receiver for key in outward.changed()] == ["b.example"]
