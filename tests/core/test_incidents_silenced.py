"""Incidents under a silence: kept, shown, and told when it ends."""

from datetime import timedelta

from collector.core.incident import Silence
from tests.core.fleet import NOON
from tests.core.thread import Thread, events, listed, sick

DAY = timedelta(days=1)


def quiet(**fields: str) -> Silence:
    return Silence(
        number=1, starts_at=NOON, ends_at=NOON + DAY, made_by="anna", reason="known", **fields
    )


def test_what_is_silenced_is_kept_and_told_when_the_silence_ends() -> None:
    thread = Thread(silences=(quiet(cause="unhealthy"),))
    assert thread.opens(sick(1)) == []
    assert thread.only.is_open
    assert thread.later(hours=23) == []
    assert events(thread.later(hours=1)) == ["opened"]


def test_what_ends_within_a_silence_was_never_told_and_is_not() -> None:
    thread = Thread(silences=(quiet(cause="unhealthy"),))
    thread.opens(sick(1))
    assert thread.later(hours=1) == []
    assert thread.ends(sick(1).key) == []
    assert thread.only.resolved_at is not None


def test_what_was_told_is_resolved_through_a_silence() -> None:
    thread = Thread()
    thread.opens(listed(1), listed(2))
    thread.silences = (quiet(cause="listed"),)
    assert thread.later(hours=8) == [], "no reminder either"
    thread.ends(listed(2).key)
    (part,) = thread.notices[1:]
    assert part.title == f"PARTLY OVER: {listed(1).text} (and 1 more); the rest is silenced"
    assert events(thread.ends(listed(1).key)) == ["resolved"]
