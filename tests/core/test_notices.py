"""What people read at 3 a.m.: the words, the evidence, what was done, what comes, what one can."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import causes, deeds, notice
from collector.core.incident import Place
from collector.core.model import (
    Brake,
    Decision,
    Fate,
    Kind,
    Proposal,
    Reason,
    Severity,
    Standing,
    StandingKey,
    Subject,
)
from tests.core import fleet
from tests.core.fleet import NOON
from tests.core.thread import ZEN, Thread, alert, listed, sick

PLACES = {f"n{number}": Place(node=f"mta-{number}", pool="default") for number in range(9)}


def decided(
    fate: Fate = Fate.MADE,
    *,
    kind: Kind = Kind.PAUSE,
    reason: Reason = Reason.LISTED,
    ip: str | None = "198.51.100.1",
    zone: str | None = ZEN,
    node: str = "n1",
    **evidence: object,
) -> Decision:
    return Decision(
        proposal=Proposal(
            kind=kind,
            subject=Subject(node_id=node, address=ip, pool_id="p1"),
            reason=reason,
            rule="confirmed critical listing",
            evidence=evidence,
            zone=zone,
        ),
        fate=fate,
        brake=Brake.ZONE if fate is Fate.WITHHELD else None,
        aggregates={},
        policy_revision=1,
        at=NOON,
    )


def test_the_whole_of_one_listing() -> None:
    seen = decided(
        zone_="x",
        answers=["127.0.0.2"],
        meaning=["127.0.0.2 SBL: spam source"],
        look={"verdict": "listed", "at": "12:00", "deeper": {"not": "said"}},
        delisting="https://check.spamhaus.org/",
        sweep=7,
        why="",
    )
    (told,) = Thread(places=PLACES).opens(listed(1), decisions=(seen,))
    assert told.title == (f"HIGH: mta-1 198.51.100.1 is listed by {ZEN}: 127.0.0.2 SBL - paused")
    assert told.what == (
        f"198.51.100.1 is listed by {ZEN}: 127.0.0.2 SBL [mta-1, pool default],"
        " since 2026-11-22 12:00Z",
    )
    assert told.evidence == (
        "rule: confirmed critical listing",
        "zone : x",
        "answers: 127.0.0.2",
        "meaning: 127.0.0.2 SBL: spam source",
        "look at: 12:00",
        "delisting: https://check.spamhaus.org/",
    )
    assert told.did == ("198.51.100.1 is paused (LISTED)",)
    (coming,) = causes.CAUSES["listed"].coming
    assert told.coming == (coming.format(clean_rounds=2),)
    assert told.can == (
        "mailfleet why 198.51.100.1",
        "ask the zone to delist 198.51.100.1, once its reason is gone",
        "mailfleet alert show 1",
        "mailfleet alert ack 1 --reason TEXT",
    )
    assert (told.nodes, told.pools, told.addresses) == (
        ("mta-1",),
        ("default",),
        ("198.51.100.1",),
    )


@pytest.mark.parametrize(
    ("made", "did"),
    [
        (decided(Fate.WOULD), "only observed: would pause 198.51.100.1 (LISTED)"),
        (
            decided(Fate.WITHHELD),
            "198.51.100.1 not paused (LISTED): withheld by the zone brake",
        ),
        (
            decided(Fate.OVERRIDDEN),
            "198.51.100.1 sends all the same: a person overrode LISTED",
        ),
        (decided(ip=None), "the node is paused (LISTED)"),
        (decided(zone=None), "198.51.100.1 is paused (LISTED)"),
        (decided(ip="198.51.100.9"), deeds.UNTOLD),
        (decided(zone="bl.example"), deeds.UNTOLD),
        (decided(reason=Reason.OPERATOR), deeds.UNTOLD),
        (decided(node="n9"), deeds.UNTOLD),
    ],
)
def test_what_was_done_is_what_was_decided(made: Decision, did: str) -> None:
    (told,) = Thread().opens(listed(1), decisions=(made,))
    assert told.did == (did,)


def test_what_was_done_before_still_counts() -> None:
    node = fleet.node("n1", fleet.address(), pauses=(fleet.pause(),))
    (told,) = Thread().opens(listed(1), nodes=(node,))
    assert told.did == ("198.51.100.1 is paused (LISTED)",)
    standing = {
        StandingKey("n1", "198.51.100.9", Kind.PAUSE, Reason.LISTED): Standing(
            decision_id="d", fate=Fate.WITHHELD, brake=Brake.FLOOR
        ),
        StandingKey("n1", None, Kind.PAUSE, Reason.LISTED): Standing(
            decision_id="d", fate=Fate.WITHHELD, brake=Brake.FLOOR
        ),
    }
    (told,) = Thread().opens(listed(1), nodes=(fleet.node("n1"),), standing=standing)
    assert told.did == ("the node not paused (LISTED): withheld by the floor",)
    observed = {
        StandingKey("n1", "198.51.100.1", Kind.PAUSE, Reason.LISTED): Standing(
            decision_id="d", fate=Fate.WOULD, brake=None
        )
    }
    (told,) = Thread().opens(listed(1), nodes=(fleet.node("n1"),), standing=observed)
    assert told.did == ("only observed: would pause 198.51.100.1 (LISTED)",)
    made = {
        StandingKey("n1", "198.51.100.1", Kind.PAUSE, Reason.LISTED): Standing(
            decision_id="d", fate=Fate.MADE, brake=None
        )
    }
    (told,) = Thread().opens(listed(1), nodes=(fleet.node("n1"),), standing=made)
    assert told.did == (deeds.UNTOLD,)


def test_what_else_was_done_is_not_about_it() -> None:
    by_a_person = fleet.node("n1", fleet.address(), pauses=(fleet.pause(Reason.OPERATOR),))
    (told,) = Thread().opens(listed(1), nodes=(by_a_person,))
    assert told.did == (deeds.UNTOLD,)
    quarantine = alert(f"quarantine:{ZEN}:n1", Severity.HIGH)
    admitted = decided(kind=Kind.ADMIT, reason=Reason.SILENCE, zone=None)
    (told,) = Thread().opens(quarantine, decisions=(admitted,))
    assert told.did == (deeds.UNTOLD,)


def test_the_zone_brake_is_in_the_headline_and_not_counted() -> None:
    brake = alert(f"zone-brake:{ZEN}", node=None)
    (told,) = Thread(places=PLACES).opens(listed(1), listed(2), brake)
    assert told.title == (
        f"HIGH: 2 addresses are listed by {ZEN}, its pauses are held (mta-1, mta-2)"
    )
    (told,) = Thread().opens(listed(1), brake)
    assert told.title.endswith("127.0.0.2 SBL, its pauses are held")
    (told,) = Thread().opens(brake)
    assert told.title == f"HIGH: text of zone-brake:{ZEN}"


def test_a_reminder_repeats_what_was_done() -> None:
    thread = Thread()
    thread.opens(listed(1), decisions=(decided(),))
    (again,) = thread.later(hours=4)
    assert again.did == ("198.51.100.1 is paused (LISTED)",)


def test_the_end_says_what_followed() -> None:
    thread = Thread(places=PLACES)
    thread.opens(listed(1), decisions=(decided(),))
    thread.now += timedelta(minutes=42)
    lifted = decided(kind=Kind.RESUME, zone=None)
    (over,) = thread.ends(listed(1).key, decisions=(lifted,))
    assert over.title == f"RESOLVED after 42 min: 198.51.100.1 is listed by {ZEN}: 127.0.0.2 SBL"
    assert over.did == ("198.51.100.1 is resumed (LISTED)",)
    assert over.coming == ()
    assert over.can == ("mailfleet alert show 1",)
    assert over.nodes == ("mta-1",)


def test_what_somebody_else_ended_is_named_by_its_key() -> None:
    thread = Thread()
    thread.opens(alert("duplicate:n1"))
    thread.alerts.clear()
    (over,) = thread.later(minutes=1)
    assert over.did == ("over: n1",)
    assert over.what == ("over: text of duplicate:n1",)


def test_a_node_is_named_by_its_name_also_when_its_trouble_is_over() -> None:
    thread = Thread(places=PLACES)
    node = next(iter(PLACES))
    key = f"quarantine:{ZEN}:{node}"
    thread.opens(alert(key, node=node))
    (over,) = thread.ends(key)
    assert over.did == (f"over: {PLACES[node].node}",)


def test_many_are_counted_and_the_first_named() -> None:
    thread = Thread(places=PLACES)
    (told,) = thread.opens(*map(listed, range(1, 30)))
    assert told.title == (
        f"HIGH: 29 addresses are listed by {ZEN} (mta-1, mta-2, mta-3 and 5 more)"
    )
    assert told.what[-1] == "… and 9 more of this cause"
    assert told.standing == 29
    (told,) = Thread().opens(listed(1), listed(2))
    assert told.title == f"HIGH: 2 addresses are listed by {ZEN}"


def test_the_same_done_for_all_is_in_the_title_once() -> None:
    thread = Thread(places=PLACES)
    both = replace(listed(2), node_id="n1")
    (told,) = thread.opens(listed(1), both, decisions=(decided(ip=None),))
    assert told.title.endswith("(mta-1) - paused")


def test_unknown_causes_are_told_too() -> None:
    thread = Thread()
    thread.opens(alert("moon:full", Severity.HIGH, node=None), alert("moon:new", node=None))
    (told,) = thread.notices
    assert told.title == "HIGH: 2 × moon"
    assert "mailfleet events" in told.can


def test_a_sentence_whose_word_is_not_known_is_left_out() -> None:
    thread = Thread()
    thread.opens(sick(1))
    (told,) = thread.later(minutes=1)
    assert told.can == (
        "on the node: systemctl status mailfleet-agent",
        "mailfleet alert show 1",
        "mailfleet alert ack 1 --reason TEXT",
    )


def test_it_travels_as_json_and_comes_out_as_it_went_in() -> None:
    (told,) = Thread(places=PLACES).opens(listed(1), decisions=(decided(),))
    payload = json.loads(json.dumps({**notice.to_payload(told), "of_later": 1}))
    assert notice.from_payload(payload) == told
