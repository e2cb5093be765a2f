"""What a heartbeat carries and what it may leave out."""

from dataclasses import replace

from agent import report
from agent.model import ZoneReading
from agent.report import Account, Readings
from deliverability.zones import Verdict
from tests.agent.samples import HEARTBEAT, NOW, ZONE

READINGS = Readings(
    host=HEARTBEAT.host,
    queue=HEARTBEAT.queue,
    services=HEARTBEAT.services,
    postfix=HEARTBEAT.postfix,
    agent=HEARTBEAT.agent,
)
CLEAR = tuple(
    replace(ZONE, zone=f"zone-{number:02}.example", verdict=Verdict.CLEAR, answers=(), round=3)
    for number in range(60)
)


def account(*zones: ZoneReading, sequence: int = 42, full: bool = False) -> Account:
    return Account(
        epoch="epoch-1",
        sequence=sequence,
        cells=HEARTBEAT.cells,
        zones=zones,
        events=HEARTBEAT.events,
        log_position=HEARTBEAT.log_position,
        counted_to=HEARTBEAT.counted_to,
        full_state=full,
    )


def test_everything_at_hand_is_in_it() -> None:
    made = report.build(READINGS, account(ZONE, full=True), acknowledged={}, now=NOW)
    assert made == HEARTBEAT


def test_readings_the_collector_has_are_left_out() -> None:
    known = report.rounds(CLEAR)
    due = report.zones_due(account(*CLEAR), known)
    assert len(due) == 6
    assert report.zones_due(account(*CLEAR, full=True), known) == CLEAR


def test_each_reading_comes_round_within_ten_heartbeats() -> None:
    known = report.rounds(CLEAR)
    seen = {
        reading.zone
        for sequence in range(100, 110)
        for reading in report.zones_due(account(*CLEAR, sequence=sequence), known)
    }
    assert len(seen) == 60


def test_news_and_listings_always_travel() -> None:
    newer = replace(CLEAR[3], round=4)
    zones = (*CLEAR[:3], newer, *CLEAR[4:], ZONE)
    due = report.zones_due(account(*zones), report.rounds((*CLEAR, ZONE)))
    assert newer in due
    assert ZONE in due


def test_what_was_never_acknowledged_is_news() -> None:
    assert report.zones_due(account(*CLEAR), {}) == CLEAR


def test_events_wait_their_turn() -> None:
    many = tuple(replace(HEARTBEAT.events[0], id=number) for number in range(40))
    made = report.build(READINGS, replace(account(), events=many), acknowledged={}, now=NOW)
    assert made.events == many[:16]
