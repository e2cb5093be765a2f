"""What must hold of the agent's reader for any bytes at all: called by hypothesis and by atheris.

Each target takes the bytes of a log and raises AssertionError when something does not hold.
"""

from collections.abc import Callable, Iterable

from agent.maillog import parse
from agent.maillog.lines import Delivery, Parsed, delivery_of, event_of
from tests.fuzz import maillog_account, maillog_oracle
from tests.fuzz.maillog_oracle import Told
from tests.fuzz.usual import BULK

BULK_TOLD = maillog_oracle.deliveries(BULK)


def agrees_with_oracle(data: bytes) -> None:
    """Deliveries are the slow reader's, in bulk and one by one."""
    expected = maillog_oracle.deliveries(data)
    assert told(parse.parse_chunk(data)) == expected
    assert told(parse.parse_chunk(BULK + data + b"\n")) == BULK_TOLD + expected
    counted = told(parse.parse_counted(BULK + data + b"\n"))
    assert [_without_reply(one) for one in counted] == [
        _without_reply(one) for one in BULK_TOLD + expected
    ]


def is_the_sum_of_its_lines(data: bytes) -> None:
    """No line changes what another says, and none says two things."""
    lines = [line for line in data.split(b"\n") if len(line) <= parse.LINE_BYTES_MAX]
    alone = [parse.parse_chunk(line + b"\n") for line in lines]
    usual = parse.parse_chunk(BULK)
    for read in (parse.parse_chunk, parse.parse_counted):
        together = read(BULK + data + b"\n")
        removed = sorted(one for parsed in alone for one in parsed.removed)
        assert sorted(together.removed) == removed
        for field in ("events", "accepted", "queued", "shared", "probes"):
            parts = [one for parsed in alone for one in getattr(parsed, field)]
            expected = as_counted([*getattr(usual, field), *parts])
            assert as_counted(getattr(together, field)) == expected, field
            if read is parse.parse_chunk:
                assert getattr(together, field) == getattr(usual, field) + parts, field
        assert together.unparsed == sum(parsed.unparsed for parsed in alone)
        assert sum(together.unknown.values()) == sum(sum(p.unknown.values()) for p in alone)
    assert parse.parse_chunk(BULK + data + b"\n").foreign == sum(p.foreign for p in alone)
    assert all(said(parsed) <= 1 for parsed in alone)


def is_bounded(data: bytes) -> None:
    """What is kept of what nobody knows is little."""
    parsed = parse.parse_chunk(data)
    assert sum(map(len, parsed.newest_unknown)) <= 8 * 512
    assert len(parsed.unknown) <= 65


TARGETS: dict[str, Callable[[bytes], None]] = {
    "oracle": agrees_with_oracle,
    "sum": is_the_sum_of_its_lines,
    "bounded": is_bounded,
}
# Each run waits for the disk: too slow for a fuzzer that makes thousands a second.
SLOW: dict[str, Callable[[bytes], None]] = {"account": maillog_account.is_kept_and_heard}


def as_counted(facts: Iterable[object]) -> list[object]:
    """What was sent in one form, without what nobody counts of it: dsn and text."""
    plain = [delivery_of(one) if type(one) is tuple and len(one) > 4 else one for one in facts]
    return [
        one._replace(dsn=b"", text=b"")
        if isinstance(one, Delivery) and one.status == b"sent"
        else one
        for one in plain
    ]


def _without_reply(told: Told) -> Told:
    return told._replace(text=b"") if told.status == b"sent" else told


def told(parsed: Parsed) -> list[Told]:
    events = map(event_of, parsed.events)
    return [
        Told(
            event.instance,
            event.daemon,
            event.queue_id,
            event.recipient,
            event.relay,
            event.status,
            event.text,
        )
        for event in events
        if isinstance(event, Delivery)
    ]


def said(parsed: Parsed) -> int:
    facts = [
        *parsed.events,
        *parsed.accepted,
        *parsed.queued,
        *parsed.shared,
        *parsed.removed,
        *parsed.probes,
    ]
    return len(facts) + parsed.unparsed + parsed.foreign + sum(parsed.unknown.values())
