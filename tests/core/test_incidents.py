"""When people are told of what, and when not: a thread for each cause, from beginning to end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.core import incidents, judge, telling
from collector.core.incident import Docket, Incident, Place, Told
from collector.core.levels import AlertChanges
from collector.core.model import Severity
from tests.core import fleet
from tests.core.fleet import NOON, POLICY
from tests.core.thread import ZEN, Thread, alert, events, listed, sick

DAY = timedelta(days=1)


def test_a_listing_is_told_at_once_and_its_end_too() -> None:
    thread = Thread()
    (opened,) = thread.opens(listed(1))
    assert (opened.event.value, opened.sequence, opened.was) == ("opened", 1, None)
    assert thread.later(hours=1) == []
    (over,) = thread.ends(listed(1).key)
    assert (over.event.value, over.sequence, over.thread) == ("resolved", 2, opened.thread)
    assert over.severity is Severity.HIGH
    assert over.is_critical
    assert thread.later(days=3) == []
    assert thread.only.resolved_at is not None


@pytest.mark.parametrize(
    ("key", "severity", "at_once"),
    [
        (f"listed:{ZEN}:198.51.100.1", Severity.HIGH, True),
        (f"listed:{ZEN}:198.51.100.1", Severity.LOW, True),
        (f"policy-listed:{ZEN}:198.51.100.1", Severity.MEDIUM, True),
        ("disobedient:n1", Severity.HIGH, True),
        ("unhealthy:n1", Severity.MEDIUM, False),
        ("skew:n1", Severity.LOW, False),
    ],
)
def test_what_is_urgent_is_told_at_once_and_the_rest_gathered(
    key: str, severity: Severity, at_once: bool
) -> None:
    thread = Thread()
    assert events(thread.opens(alert(key, severity))) == (["opened"] if at_once else [])
    assert thread.later(seconds=29) == []
    assert events(thread.later(seconds=1)) == ([] if at_once else ["opened"])


def test_what_ends_while_it_is_gathered_is_recorded_and_not_told() -> None:
    thread = Thread()
    thread.opens(sick(1))
    thread.now += timedelta(seconds=10)
    assert thread.ends(sick(1).key) == []
    assert thread.only.resolved_at == thread.now


def test_many_subjects_of_one_cause_fold() -> None:
    """Up to five are told one by one, the sixth says that it folds, the next 200 come in one."""
    thread = Thread()
    for number in range(1, 7):
        thread.now += timedelta(seconds=5)
        assert len(thread.opens(listed(number))) == 1
    for number in range(7, 207):
        thread.now += timedelta(seconds=1)
        thread.opens(listed(number))
    assert len(thread.notices) == 6
    (folded,) = thread.later(minutes=15)
    assert (folded.event.value, folded.standing) == ("updated", 206)
    assert len(thread.known) == 1
    told = thread.only.told
    assert len(told) == 206
    assert {one.words for one in told.values()} == {""}, "of many, not every word is kept"
    (over,) = thread.ends(*told)
    assert over.title == f"RESOLVED after 18 min: 206 addresses are listed by {ZEN}"


def test_a_whole_fleet_listed_at_once_is_one_notice() -> None:
    thread = Thread()
    assert len(thread.opens(*map(listed, range(200)))) == 1
    brake = alert(f"zone-brake:{ZEN}", node=None)
    assert len(thread.opens(brake)) == 0, "the brake belongs to the same cause"
    assert len(thread.known) == 1


def test_followers_of_what_is_urgent_wait_for_each_other_a_little() -> None:
    thread = Thread()
    thread.opens(listed(1))
    thread.now += timedelta(seconds=1)
    assert thread.opens(listed(2)) == []
    thread.now += timedelta(seconds=1)
    assert thread.opens(listed(3)) == []
    (both,) = thread.later(seconds=3)
    assert [line[:4] for line in both.what] == ["new:", "new:", "198."]


def test_a_part_that_is_over_is_told_ever_more_slowly() -> None:
    thread = Thread()
    thread.opens(*map(sick, (1, 2, 3, 4)))
    thread.later(seconds=30)
    thread.now += timedelta(seconds=31)
    (first,) = thread.ends(sick(1).key)
    assert first.title.startswith("PARTLY OVER: still 3 nodes are unhealthy")
    thread.now += timedelta(seconds=31)
    assert thread.ends(sick(2).key) == []
    (second,) = thread.later(seconds=30)
    assert "over: n2 is unhealthy" in second.what


def test_a_graver_word_is_told_at_once_even_when_it_folds() -> None:
    thread = Thread()
    thread.opens(*map(sick, range(9)))
    assert len(thread.later(seconds=30)) == 1
    worse = alert("unhealthy:n3", Severity.HIGH, node="n3")
    (told,) = thread.opens(worse)
    assert (told.event.value, told.severity, told.was) == (
        "updated",
        Severity.HIGH,
        Severity.MEDIUM,
    )
    assert thread.opens(alert("unhealthy:n3", Severity.MEDIUM, node="n3")) == []
    assert thread.opens(worse) == [], "so grave it was already"


def test_what_comes_back_opens_its_incident_again() -> None:
    thread = Thread()
    thread.opens(listed(1))
    thread.ends(listed(1).key)
    thread.now += timedelta(minutes=59)
    (again,) = thread.opens(listed(1))
    assert (again.event.value, again.incident, again.sequence) == ("opened", 1, 3)
    assert again.title.startswith("HIGH AGAIN: ")
    thread.ends(listed(1).key)
    thread.now += timedelta(minutes=61)
    (other,) = thread.opens(listed(1))
    assert (other.incident, other.sequence) == (2, 1), "an hour later it is another story"


def test_flapping_is_damped_and_not_hidden() -> None:
    """Every two minutes for an hour: each change is in the incident, few are told."""
    thread = Thread()
    for _ in range(15):
        thread.opens(alert("disobedient:n1"))
        thread.now += timedelta(minutes=2)
        thread.ends("disobedient:n1")
        thread.now += timedelta(minutes=2)
    assert events(thread.notices) == ["opened", "resolved", "opened", "resolved", "opened"]
    assert thread.only.reopened == 14
    assert thread.later(minutes=12) == []
    assert events(thread.later(minutes=1)) == ["resolved"]


def test_nobody_seen_it_it_is_said_again() -> None:
    thread = Thread()
    thread.opens(listed(1))
    assert thread.later(hours=3, minutes=59) == []
    (again,) = thread.later(minutes=1)
    assert again.event.value == "reminder"
    assert again.title.startswith("STILL HIGH after 4 h, not acknowledged: ")
    assert thread.later(hours=7) == []
    assert events(thread.later(hours=1)) == ["reminder"]
    thread.acknowledge()
    assert thread.later(days=2) == []
    thread.now += timedelta(minutes=1)
    assert events(thread.opens(listed(2))) == ["updated"], "a new subject is news all the same"
    assert thread.only.acknowledged_by == ""


def test_medium_is_not_said_again() -> None:
    thread = Thread()
    thread.opens(sick(1))
    thread.later(minutes=1)
    assert thread.later(days=2) == []


def test_tenants_never_share_an_incident() -> None:
    thread = Thread(
        places={
            "n1": Place(node="mta-1", pool="a", tenant="t1"),
            "n2": Place(node="mta-2", pool="b", tenant="t2"),
        }
    )
    told = thread.opens(listed(1), listed(2), listed(3))
    assert [(one.tenant, one.nodes) for one in told] == [
        ("t1", ("mta-1",)),
        ("t2", ("mta-2",)),
        (None, ()),
    ]
    assert sorted(thread.known) == [1, 2, 3]


def test_more_alerts_than_are_remembered_one_by_one_tell_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telling, "TOLD_MAX", 3)
    thread = Thread()
    thread.opens(*map(sick, range(5)))
    assert len(thread.later(seconds=30)) == 1
    assert len(thread.only.told) == 3
    assert thread.later(days=1) == []


def test_a_score_that_fell_for_a_listing_is_part_of_it() -> None:
    """It is told by itself only when nothing else about its address stands."""
    thread, score = Thread(), alert("score:198.51.100.1", Severity.MEDIUM)
    blocked = alert("blocked:gmail.com:198.51.100.1", Severity.MEDIUM)
    assert len(thread.opens(listed(1), blocked, score)) == 1
    (told,) = thread.later(minutes=1)
    assert told.cause == "blocked:gmail.com"
    assert sorted(one.cause for one in thread.known.values()) == [
        "blocked:gmail.com",
        f"listed:{ZEN}",
    ]
    assert thread.later(hours=1) == []
    ended = thread.ends(listed(1).key)
    assert [(one.event.value, one.cause) for one in ended] == [("resolved", f"listed:{ZEN}")]
    ended = thread.ends(blocked.key)
    assert sorted((one.event.value, one.cause) for one in ended) == [
        ("opened", "score"),
        ("resolved", "blocked:gmail.com"),
    ]


def test_the_newest_of_those_resolved_goes_on() -> None:
    ended = Incident(
        number=4,
        cause=f"listed:{ZEN}",
        tenant=None,
        opened_at=NOON - DAY,
        told={},
        severity=Severity.HIGH,
        notices=2,
        resolved_at=NOON - timedelta(minutes=5),
    )
    thread = Thread(known={3: replace(ended, number=3), 4: ended})
    (again,) = thread.opens(listed(1))
    assert again.incident == 4


def test_a_new_node_needs_no_place_in_the_docket() -> None:
    thread = Thread()
    (told,) = thread.opens(listed(1), nodes=(fleet.node("n1", tenant_id="t7"),))
    assert (told.tenant, told.nodes, told.pools) == ("t7", ("n1",), ("default",))


def test_a_pass_without_alerts_costs_nothing() -> None:
    seen = fleet.snapshot(fleet.node())
    done = judge.judge(seen, POLICY, now=NOON)
    assert (done.incidents, done.notices) == ((), ())


def test_a_judgement_tells_of_the_alerts_it_opens() -> None:
    confirmed = fleet.address(zones=(fleet.fact(),), looks=(fleet.look(),))
    done = judge.judge(fleet.snapshot(fleet.node("n1", confirmed)), POLICY, now=NOON)
    (effect,) = done.notices
    assert effect.kind == "notify"
    assert effect.key.startswith("notify:1.")
    (draft,) = done.incidents
    assert draft.incident.told.keys() == {alert.key for alert in done.alerts_open}
    told = next(iter(draft.incident.told.values()))
    assert told == Told(
        severity=Severity.HIGH, words=told.words, did="198.51.100.1 is paused (LISTED)"
    )
    again = replace(
        fleet.snapshot(fleet.node("n1", confirmed)),
        alerts=done.alerts_open,
        docket=Docket(incidents=(draft.incident,), next_number=2),
    )
    assert judge.judge(again, POLICY, now=NOON).notices == ()


def test_the_pass_after_a_pass_changes_nothing() -> None:
    """By level: whatever was written by whomever, a second look at it is silent."""
    thread = Thread()
    thread.opens(listed(1), sick(2), alert("detector:silence", Severity.MEDIUM, node=None))
    before = dict(thread.known)
    thread.later(seconds=1)
    assert thread.known == before
    assert incidents.stand((), AlertChanges(opened=(), resolved=("x",))) == {}
