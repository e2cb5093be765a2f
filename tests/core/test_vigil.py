"""Which alerts about mail should stand: opened, reworded and resolved by level."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.core import levels, vigil
from collector.core.channels import ChannelState
from collector.core.model import AlertFact, Severity
from collector.core.policy import Policy
from collector.core.vigil import Ailing

POLICY = Policy()
NOW = datetime(2026, 11, 22, tzinfo=UTC)
FULL = Ailing(node_id="n1", name="mx1", problems=["state: disk is full", "zones: no answer"])


def alert(key: str, text: str = "x") -> AlertFact:
    return AlertFact(key=key, severity=Severity.MEDIUM, text=text, opened_at=NOW)


def test_what_hurts_is_opened_once() -> None:
    changes = vigil.update(["google"], [FULL], standing=(), policy=POLICY, now=NOW)
    assert [(one.key, one.severity) for one in changes.opened] == [
        ("counting:n1", Severity.MEDIUM),
        ("deferral:google", Severity.MEDIUM),
    ]
    assert changes.opened[0].text == "mx1 cannot count its mail: state: disk is full"
    assert changes.opened[0].node_id == "n1"
    again = vigil.update(["google"], [FULL], standing=changes.opened, policy=POLICY, now=NOW)
    assert (again.opened, again.resolved) == ((), ())


def test_other_words_are_news() -> None:
    changes = vigil.update(
        [], [FULL], standing=[alert("counting:n1", "something else")], policy=POLICY, now=NOW
    )
    assert [one.key for one in changes.opened] == ["counting:n1"]
    assert changes.resolved == ()


def test_what_is_over_is_resolved_and_other_alerts_are_left_alone() -> None:
    standing = [alert(key) for key in ("deferral:yahoo", "counting:n1", "duplicate:n1")]
    well = Ailing(node_id="n1", name="mx1", problems=["zones: no answer"])
    changes = vigil.update([], [well], standing=standing, policy=POLICY, now=NOW)
    assert changes.opened == ()
    assert changes.resolved == ("counting:n1", "deferral:yahoo")


def test_the_limit_is_the_policys() -> None:
    strict = Policy(deferral_alert=0.125)
    (said,) = vigil.update(["google"], [], standing=(), policy=strict, now=NOW).opened
    assert said.text.startswith("google has deferred 12.5% or more")


LATE, LATELY = NOW - vigil.FAILS_FOR, NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    "state, text",
    [
        (ChannelState(), None),
        (ChannelState(failing_since=LATELY, problem="503"), None),
        (ChannelState(failing_since=LATE, problem="503"), "the channel ops does not deliver: 503"),
        (ChannelState(failed_at=LATE, problem="422"), "the channel ops lost a notice: 422"),
        (ChannelState(failed_at=LATELY, sent_at=LATE), "the channel ops lost a notice: refused"),
        (ChannelState(failed_at=LATE, sent_at=LATELY), None),
    ],
)
def test_a_channel_that_fails_for_long_or_lost_something_is_an_alert(
    state: ChannelState, text: str | None
) -> None:
    changes = vigil.of_channels({"ops": state}, standing=(), now=NOW)
    assert [(one.key, one.text) for one in changes.opened] == [("channel:ops", text)][: bool(text)]
    gone = vigil.of_channels({}, standing=changes.opened, now=NOW)
    assert gone.resolved == tuple(one.key for one in changes.opened)


def test_another_severity_is_news_and_another_age_is_not() -> None:
    known, is_ours = alert("counting:n1"), levels.of_causes(vigil.CAUSES)
    older = replace(known, opened_at=LATE)
    assert levels.changes([known], standing=[older], is_ours=is_ours).opened == ()
    graver = replace(known, severity=Severity.HIGH)
    assert levels.changes([graver], standing=[older], is_ours=is_ours).opened == (graver,)
