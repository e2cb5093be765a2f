"""What a heartbeat carries and what it may leave out."""

from dataclasses import replace

from agent import report, wire
from agent.model import ZoneCounts, ZoneReading
from agent.report import Account, Readings
from deliverability.zones import Sentinels, Verdict
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
    assert made == replace(HEARTBEAT, zone_counts=ZoneCounts(listed=1))


def bytes_of(*zones: ZoneReading) -> int:
    """What these readings take in a heartbeat."""
    whole, without = (wire.encode_heartbeat(replace(HEARTBEAT, zones=some)) for some in (zones, ()))
    return len(whole) - len(without)


def test_readings_the_collector_has_are_left_out() -> None:
    known = report.rounds(CLEAR)
    assert report.zones_due(account(*CLEAR), known) == ()
    assert report.zones_due(account(*CLEAR, full=True), known) == CLEAR


def test_what_was_never_acknowledged_is_news() -> None:
    due = report.zones_due(account(*CLEAR), {})
    rest = report.zones_due(account(*CLEAR), report.rounds(due))
    assert {*due, *rest} == set(CLEAR)


def test_news_of_trouble_goes_before_news_of_peace() -> None:
    trouble = replace(CLEAR[7], verdict=Verdict.UNKNOWN, why="timeout")
    zones = (*CLEAR[:7], trouble, *CLEAR[8:], ZONE)
    due = report.zones_due(account(*zones), {})
    assert {trouble, ZONE} <= set(due)


def test_sixty_zones_on_eight_addresses_find_room_within_a_few_heartbeats() -> None:
    clear = [replace(one, address=f"192.0.2.{last}") for one in CLEAR for last in range(8)]
    told: set[ZoneReading] = set()
    known: dict[tuple[str, str], int] = {}
    for sequence in range(4):
        due = report.zones_due(account(*clear, sequence=sequence), known)
        assert bytes_of(*due) <= 1_600
        known |= report.rounds(due)
        told |= set(due)
    assert told == set(clear)


def test_a_zone_that_lists_everything_leaves_room_for_all_else() -> None:
    listed = [
        replace(ZONE, address=f"192.0.2.{last}", zone=f"zone-{number:02}.example", reason="x" * 200)
        for number in range(60)
        for last in range(8)
    ]
    known = report.rounds(listed)
    told = [report.zones_due(account(*listed, sequence=each), known) for each in range(480)]
    assert all(len(due) >= 1 and bytes_of(*due) <= 1_800 for due in told)
    assert {one for due in told for one in due} == set(listed)


def test_listings_are_told_again_and_again() -> None:
    zones = (*CLEAR, ZONE)
    assert report.zones_due(account(*zones), report.rounds(zones)) == (ZONE,)


def test_the_counts_hide_nothing() -> None:
    wrong = replace(CLEAR[0], verdict=Verdict.UNKNOWN, sentinels=Sentinels.WRONG)
    unknown = replace(CLEAR[1], verdict=Verdict.UNKNOWN)
    said = report.zone_counts((*CLEAR[2:], wrong, unknown, ZONE))
    assert said == ZoneCounts(listed=1, clear=58, unknown=1, quarantined=1)


def test_events_wait_their_turn() -> None:
    many = tuple(replace(HEARTBEAT.events[0], id=number) for number in range(40))
    made = report.build(READINGS, replace(account(), events=many), acknowledged={}, now=NOW)
    assert made.events == many[:16]
