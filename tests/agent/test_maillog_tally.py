"""Totals by receiver, instance and outcome: committed and not, bounded, never moving."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from agent.maillog import parse
from agent.maillog.tally import Known, Tally
from agent.maillog.tally_intake import CLIENTS_MAX
from agent.maillog.tally_names import INSTANCES_MAX, STRANGERS_MAX
from agent.maillog.tally_whose import Whose
from agent.maillog.times import LineClock
from agent.model import Cell, CellKey, Counted, MinuteCount
from deliverability import delays, receivers
from deliverability.replies import Outcome

ADDRESS = "198.51.100.9"
START = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)
GOOGLE = "aspmx.l.google.com[142.250.27.26]:25"
KEY = CellKey(ADDRESS, "google", "postfix")


def tally(known: Known | None = None, *, pipes_out: frozenset[bytes] = frozenset()) -> Tally:
    clock = LineClock(START + timedelta(days=1), timezone.utc)
    return Tally(Whose(ADDRESS, pipes_out), known or Known(), clock=clock)


def line(
    relay: str = GOOGLE,
    *,
    status: str = "sent",
    tag: str = "postfix/smtp",
    qid: str = "4cB1Gk2zTMz9sWZ",
    **more: str,
) -> bytes:
    """`more`: at, to, delays, dsn, text."""
    at, delays_ = more.get("at", "09:00:00"), more.get("delays", "0.1/0.01/0.3/0.5")
    text, dsn = more.get("text", "250 ok"), more.get("dsn", "2.0.0")
    whole = f"{sum(map(float, delays_.split('/'))):.2f}"
    return (
        f"Nov 22 {at} mx1 {tag}[7]: {qid}: to=<{more.get('to', 'a@b.example')}>,"
        f" relay={relay}, delay={whole}, delays={delays_}, dsn={dsn}, status={status} ({text})\n"
    ).encode()


def own(text: str, *, tag: str = "postfix/qmgr") -> bytes:
    return f"Nov 22 09:00:00 mx1 {tag}[7]: {text}\n".encode()


def stranger(number: int) -> bytes:
    return line(f"mx.firm{number}.example[203.0.113.1]:25")


def fold(into: Tally, *lines: bytes) -> Counted:
    into.fold(parse.parse_chunk(b"".join(lines)))
    return into.counted()


def attempts(counted: Counted) -> dict[str, dict[Outcome, int]]:
    return {cell.key.receiver: dict(cell.attempts) for cell in counted.cells}


def stored(counted: Counted, cells: dict[CellKey, Cell]) -> None:
    """As the state file does: whole new values over what was there."""
    cells.update({cell.key: cell for cell in counted.cells})


def test_counted_is_the_total_and_only_of_changed_cells() -> None:
    other = Cell(key=replace(KEY, receiver="yahoo"), attempts={Outcome.SENT: 1})
    google = Cell(key=KEY, attempts={Outcome.SENT: 5, Outcome.BOUNCED: 1})
    mine = tally(Known(cells=[google, other]))
    assert mine.counted().cells == ()
    first = fold(mine, line(), line())
    assert attempts(first) == {"google": {Outcome.SENT: 7, Outcome.BOUNCED: 1}}
    mine.committed()
    assert mine.counted().cells == ()
    again = fold(mine, line())
    assert attempts(again) == {"google": {Outcome.SENT: 8, Outcome.BOUNCED: 1}}


def test_another_addresss_cells_are_left_alone() -> None:
    elsewhere = Cell(key=CellKey("198.51.100.10", "google", "postfix"))
    mine = tally(Known(cells=[elsewhere]))
    assert [cell.key for cell in fold(mine, line()).cells] == [KEY]


def test_instances_are_apart_and_bounded() -> None:
    mine = tally()
    fold(mine, *(line(tag=f"postfix-{number}/smtp") for number in range(20)))
    cells = mine.counted().cells
    assert len(cells) == INSTANCES_MAX
    by_instance = {cell.key.instance: cell.attempts[Outcome.SENT] for cell in cells}
    assert by_instance["postfix-0"] == 1
    assert by_instance[receivers.OTHER] == 20 - (INSTANCES_MAX - 1)


def test_the_table_is_bounded_and_nothing_moves_or_is_lost() -> None:
    cells: dict[CellKey, Cell] = {}
    mine = tally()
    for turn in range(3):
        before = {key: sum(cell.attempts.values()) for key, cell in cells.items()}
        stored(fold(mine, *map(stranger, range(100))), cells)
        mine.committed()
        assert all(sum(cells[key].attempts.values()) >= count for key, count in before.items())
        if turn == 1:  # a restart finds the same rows
            mine = tally(Known(cells=cells.values()))
    assert sum(sum(cell.attempts.values()) for cell in cells.values()) == 300
    assert len(cells) == STRANGERS_MAX + 1
    others = cells[replace(KEY, receiver=receivers.OTHER)]
    assert others.attempts == {Outcome.SENT: 3 * (100 - STRANGERS_MAX)}


def test_known_providers_find_a_row_in_a_full_table() -> None:
    mine = tally()
    home = line("local", tag="postfix/local")
    counted = fold(mine, *map(stranger, range(100)), line(), home)
    assert attempts(counted)["google"] == {Outcome.SENT: 1}
    assert attempts(counted)[receivers.LOCAL] == {Outcome.SENT: 1}
    assert len(counted.cells) <= STRANGERS_MAX + len(receivers.KNOWN) + len(receivers.RESERVED)


def test_probes_are_no_attempts() -> None:
    assert fold(tally(), line(status="undeliverable")).cells == ()


def test_a_pipe_that_leaves_the_machine_is_its_recipients_domain() -> None:
    pipe = line("uucp", tag="postfix/pipe")
    assert [*attempts(fold(tally(), pipe))] == [receivers.LOCAL]
    outward = tally(pipes_out=frozenset({b"uucp"}))
    assert [*attempts(fold(outward, pipe))] == ["b.example"]


def test_delays_stand_in_their_buckets() -> None:
    late = line(delays="200/100/0.02/0.5", qid="4cB1Gk2zTMz9sXX")
    (cell,) = fold(tally(), line(), late, line(delays="0.1/0.2/0.3")).cells
    assert cell.attempts == {Outcome.SENT: 3}  # the third does not tell its parts
    named = dict(zip(delays.PARTS, cell.delays, strict=True))
    assert all(sum(counts) == 2 for counts in named.values())
    assert named["connect"][delays.bucket_of(0.3)] == 1
    assert named["connect"][delays.bucket_of(0.02)] == 1
    assert delays.share_within(named["total"], 300.0) == 0.5


def test_bytes_are_those_of_what_was_sent() -> None:
    queued = own("4cB1Gk2zTMz9sWZ: from=<n@shop.example>, size=4711, nrcpt=2 (queue active)")
    held = line(status="deferred", to="c@b.example")
    (cell,) = fold(tally(), queued, line(), line(to="b@b.example"), held).cells
    assert cell.bytes_sent == 2 * 4711


def test_a_rejection_at_the_door_is_of_the_node_itself() -> None:
    told = own(
        "NOQUEUE: reject: RCPT from unknown[203.0.113.5]: 554 5.7.1 <x@y.example>: Relay access"
        " denied; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<z>",
        tag="postfix/submission/smtpd",
    )
    (cell,) = fold(tally(), told).cells
    assert (cell.key.receiver, cell.key.instance, cell.rejected) == (
        receivers.LOCAL,
        "postfix/submission",
        1,
    )


def test_who_brought_what() -> None:
    came = [
        own(f"4cB1Gk2zTMz9s{number:02}: client=host[203.0.113.{number}]", tag="postfix/smtpd")
        for number in range(CLIENTS_MAX + 9)
    ]
    mine = tally()
    told = {one.client: one.messages for one in fold(mine, *came, came[0]).intake}
    assert told["203.0.113.0"] == 2
    assert told[receivers.OTHER] == 9
    mine.committed()
    (again,) = fold(mine, came[0]).intake
    assert (again.client, again.messages) == ("203.0.113.0", 3)


def test_the_newest_words_of_a_receiver_are_kept_by_what_they_mean() -> None:
    words = "host x said: 550 5.1.1 <bob@b.example>: no such user"
    refusals = [
        line(status="bounced", dsn="5.1.1", text=f"{words} {number}", qid=f"4cB1Gk2zTMz9sW{number}")
        for number in range(3)
    ]
    counted = fold(tally(), *refusals)
    (reply,) = counted.replies
    (cell,) = counted.cells
    assert (reply.receiver, reply.outcome) == ("google", Outcome.BOUNCED)
    assert reply.text.endswith("no such user 2")
    assert "bob" not in reply.text
    assert cell.classes == {reply.reply_class: 3}
    assert reply.at == START


def test_the_recipients_name_is_hidden_where_it_stands_alone() -> None:
    refusal = line(
        status="bounced", dsn="5.1.1", text="550 no mailbox bob here", to="bob@b.example"
    )
    (reply,) = fold(tally(), refusal).replies
    assert "bob" not in reply.text


def test_a_content_filter_that_is_down_is_ours() -> None:
    text = "connect to 127.0.0.1[127.0.0.1]:10024: Connection refused"
    (cell,) = fold(tally(), line("none", status="deferred", dsn="4.4.1", text=text)).cells
    assert cell.attempts == {Outcome.OURS: 1}
    assert (cell.classes, cell.first_deferred) == ({}, 0)


def test_each_minute_has_its_own_count() -> None:
    deferred = line(at="09:01:59", status="deferred", text="421 later", dsn="4.7.0")
    mine = tally()
    fold(mine, line(at="09:00:10"), line(at="09:00:50"), deferred)
    mine.committed()
    fold(mine, line(at="09:01:59"), line(at="09:02:00"))
    minute = MinuteCount(
        minute=START, address=ADDRESS, receiver="google", outcome=Outcome.SENT, attempts=1
    )
    assert mine.counted().history == tuple(
        replace(minute, minute=START + timedelta(minutes=later)) for later in (1, 2)
    )


def firsts(counted: Counted) -> tuple[int, int, int, int]:
    (cell,) = counted.cells
    return (cell.first_sent, cell.first_deferred, cell.first_bounced, cell.first_unknown)


def test_only_the_first_attempt_of_a_recipient_counts_as_one() -> None:
    later = line(status="deferred", text="421 later", dsn="4.7.0")
    mine = tally()
    assert firsts(fold(mine, later, later, line())) == (0, 1, 0, 0)
    assert firsts(fold(mine, line(qid="4cB1Gk2zTMz9sXX"))) == (1, 1, 0, 0)


def test_who_is_deferred_is_known_over_a_restart() -> None:
    later = line(status="deferred", text="421 later", dsn="4.7.0")
    counted = fold(tally(), later)
    assert (len(counted.opened), len(counted.closed)) == (1, 0)
    again = tally(Known(cells=counted.cells, open_recipients=counted.opened))
    resolved = fold(again, line())
    assert firsts(resolved) == (0, 1, 0, 0)
    assert (tuple(resolved.opened), tuple(resolved.closed)) == ((), counted.opened)


def test_a_message_that_left_takes_its_recipients_along() -> None:
    later = [line(status="deferred", dsn="4.7.0", to=f"{n}@b.example") for n in range(5)]
    mine = tally()
    assert len(fold(mine, *later).opened) == 5
    mine.committed()
    assert len(fold(mine, own("4cB1Gk2zTMz9sWZ: removed")).closed) == 5


@pytest.mark.parametrize(
    "delays_, unknown", [("100/0/0/1", 1), ("50/0/0/1", 0)], ids=["before we counted", "since"]
)
def test_of_older_messages_nobody_can_tell(delays_: str, unknown: int) -> None:
    mine = tally(Known(blind_until=START - timedelta(seconds=60)))
    assert firsts(fold(mine, line(delays=delays_))) == (1 - unknown, 0, 0, unknown)


def test_after_a_gap_older_messages_are_unknown_once_more() -> None:
    mine = tally()
    assert firsts(fold(mine, line(delays="100/0/0/1"))) == (1, 0, 0, 0)
    mine.missed(START - timedelta(seconds=60))
    assert firsts(fold(mine, line(delays="100/0/0/1"))) == (1, 0, 0, 1)


def test_a_clock_that_was_put_back_does_not_blind_for_a_year() -> None:
    mine = tally(Known(blind_until=START + timedelta(days=365)))
    assert firsts(fold(mine, line(delays="100/0/0/1"))) == (0, 0, 0, 1)
    assert mine.counted().blind_until == START
    assert firsts(fold(mine, line(at="09:02:00", delays="100/0/0/1"))) == (1, 0, 0, 1)


def test_our_own_doing_is_no_attempt_of_a_receiver() -> None:
    paused = line("none", tag="postfix/retry", status="deferred", text="4.3.2 deferred transport")
    (cell,) = fold(tally(), paused).cells
    assert cell.attempts == {Outcome.OURS: 1}
    assert (cell.classes, cell.delays, cell.first_deferred) == ({}, (), 0)
