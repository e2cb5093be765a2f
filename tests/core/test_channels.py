"""Who is told of what; what waited for a channel, folded; a notice as a letter."""

from dataclasses import replace

import pytest

from collector.core import channels, letters, mailbag
from collector.core.channels import Route, Secret, Webhook
from collector.core.model import Severity
from collector.core.notice import Notice, Occasion
from tests.core.said import notice

KNOWN = ("ops", "pager", "t1")
MEDIUM = replace(notice(), severity=Severity.MEDIUM, is_critical=False)


@pytest.mark.parametrize(
    ("route", "about", "wanted"),
    [
        (Route(channels=("ops",)), notice(), True),
        (Route(channels=("ops",), severity=Severity.HIGH), notice(), True),
        (Route(channels=("ops",), severity=Severity.HIGH), MEDIUM, False),
        (Route(channels=("ops",), pools=("default",)), notice(), True),
        (Route(channels=("ops",), pools=("other",)), notice(), False),
        (Route(channels=("ops",), causes=("listed",)), notice(), True),
        (Route(channels=("ops",), causes=("blind",)), notice(), False),
        (Route(channels=("ops",), tenants=("t1",)), notice(), False),
        (Route(channels=("ops",), tenants=("t1",)), replace(notice(), tenant="t1"), True),
        (Route(channels=("ops",), tenants=("t1",)), replace(notice(), tenant="t2"), False),
        # infrastructure-critical goes to the tenant whatever the route's severity says.
        (
            Route(channels=("ops",), tenants=("t1",), severity=Severity.HIGH),
            replace(MEDIUM, tenant="t1", is_critical=True),
            True,
        ),
        (
            Route(channels=("ops",), tenants=("t1",), severity=Severity.HIGH),
            replace(MEDIUM, tenant="t1"),
            False,
        ),
    ],
)
def test_every_field_of_a_route_must_fit(route: Route, about: Notice, wanted: bool) -> None:
    assert route.wants(about) is wanted
    chosen = channels.wanting(about, (route,), known=KNOWN, before=())
    assert chosen == (("ops",) if wanted else ())


def test_without_routes_everybody_hears_of_everything() -> None:
    assert channels.wanting(MEDIUM, (), known=KNOWN, before=()) == KNOWN


def test_whoever_heard_of_it_hears_of_its_end() -> None:
    routes = (Route(channels=("pager", "nobody"), severity=Severity.HIGH),)
    over = replace(MEDIUM, event=Occasion.RESOLVED)
    assert channels.wanting(over, routes, known=KNOWN, before=("pager", "gone")) == ("pager",)
    assert channels.wanting(over, routes, known=KNOWN, before=()) == ()


def test_a_channel_is_not_told_that_it_fails() -> None:
    failing = replace(MEDIUM, cause="channel", subjects=("pager",))
    assert channels.wanting(failing, (), known=KNOWN, before=()) == ("ops", "t1")
    over = replace(failing, event=Occasion.RESOLVED)
    assert channels.wanting(over, (), known=KNOWN, before=()) == KNOWN


def test_a_secret_is_shown_to_who_asks_for_it_alone() -> None:
    assert Secret("word").reveal() == "word"
    assert "word" not in repr(Secret("word"))
    assert Webhook(name="w", url="https://x").kind == "webhook"


def test_of_one_incident_only_the_newest_goes() -> None:
    waiting = [notice(1), notice(1, 2), notice(1, 3)]
    (parcel,) = mailbag.fold(waiting, digests=True)
    assert parcel.notice.key == waiting[2].key
    assert parcel.notice.what[-1] == "2 earlier notices of this incident did not go out in time"
    assert parcel.keys == tuple(one.key for one in waiting)
    (two,) = mailbag.fold(waiting[:2], digests=True)
    assert two.notice.what[-1] == "1 earlier notice of this incident did not go out in time"
    assert mailbag.fold((), digests=True) == ()


def test_of_many_incidents_there_is_one_digest() -> None:
    over = [replace(notice(n, 2), event=Occasion.RESOLVED, title=f"over {n}") for n in range(1, 4)]
    low = replace(notice(8), severity=Severity.LOW, title="low", is_critical=False)
    waiting = [*over, low, notice(9), notice(10)]
    (parcel,) = mailbag.fold(waiting, digests=True)
    digest = parcel.notice
    assert parcel.keys == tuple(one.key for one in waiting)
    assert digest.title == "6 incidents since 12:00Z, while this channel was away: 3 open, 3 over"
    assert [line.split()[0] for line in digest.what] == ["#9", "#10", "#8", "#1", "#2", "#3"]
    assert (digest.severity, digest.event) == (Severity.HIGH, Occasion.DIGEST)
    assert (digest.nodes, digest.standing, digest.tenant) == (("mta-1",), 3, None)
    (again,) = mailbag.fold(waiting, digests=True)
    assert again.notice.key == digest.key, "the same letters make the same digest"
    assert len(mailbag.fold(waiting, digests=False)) == 6
    assert len(mailbag.fold(waiting[:5], digests=True)) == 5


def test_what_was_begun_goes_again_as_it_was_before_what_came_since() -> None:
    first, second = notice(1), notice(1, 2)
    again, rest = mailbag.fold([first, second], digests=True, begun={first.key: first.key})
    assert (again.notice, again.keys) == (first, (first.key,))
    assert (rest.notice, rest.keys) == (second, (second.key,))
    many = [notice(n) for n in range(6)]
    (digest,) = mailbag.fold(many, digests=True)
    begun = dict.fromkeys(digest.keys, digest.notice.key)
    repeated, later = mailbag.fold([*many, notice(9)], digests=True, begun=begun)
    assert repeated == digest
    assert later.notice == notice(9)


def test_a_digest_of_what_is_over_is_low_and_names_no_tenant_of_several() -> None:
    over = [replace(notice(n, 2), event=Occasion.RESOLVED, tenant=f"t{n % 2}") for n in range(1, 8)]
    (parcel,) = mailbag.fold(over, digests=True)
    assert (parcel.notice.severity, parcel.notice.tenant) == (Severity.LOW, None)


def test_a_letter_has_its_chapters_and_says_whose_it_is() -> None:
    assert letters.subject(notice(7), fleet="f.test") == f"[f.test #7] {notice().title}"
    text = letters.body(notice(7), fleet="f.test")
    for title in ("What happened:", "What mailfleet did:", "What comes next:", "What you can do:"):
        assert title in text
    assert text.endswith("incident 7 of fleet f.test, since 2026-11-22 12:00Z\nnotice 1, opened\n")
    bare = replace(notice(), incident=0, evidence=(), did=(), coming=(), can=())
    assert letters.body(bare, fleet="f.test").endswith("\n-- \nmailfleet of fleet f.test\n")
    assert "What mailfleet did" not in letters.body(bare, fleet="f.test")
    tested = replace(bare, event=Occasion.TEST)
    assert letters.body(tested, fleet="f.test").endswith("a test, nothing happened\n")
    assert letters.subject(bare, fleet="f.test") == f"[f.test] {notice().title}"


def test_other_programs_know_it_by_the_owners_name() -> None:
    assert letters.name_of(notice()) == "infrastructure-critical"
    assert letters.name_of(MEDIUM) == "listed"
