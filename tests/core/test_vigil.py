"""Which alerts about mail should stand: opened, reworded and resolved by level."""

from datetime import UTC, datetime

from collector.core import vigil
from collector.core.model import Severity
from collector.core.policy import Policy
from collector.core.vigil import Ailing

POLICY = Policy()
NOW = datetime(2026, 11, 22, tzinfo=UTC)
FULL = Ailing(node_id="n1", name="mx1", problems=["state: disk is full", "zones: no answer"])


def test_what_hurts_is_opened_once() -> None:
    changes = vigil.update(["google"], [FULL], standing={}, policy=POLICY, now=NOW)
    assert [(one.key, one.severity) for one in changes.opened] == [
        ("counting:n1", Severity.MEDIUM),
        ("deferral:google", Severity.MEDIUM),
    ]
    assert changes.opened[0].text == "mx1 cannot count its mail: state: disk is full"
    assert changes.opened[0].node_id == "n1"
    standing = {one.key: one.text for one in changes.opened}
    again = vigil.update(["google"], [FULL], standing=standing, policy=POLICY, now=NOW)
    assert (again.opened, again.resolved) == ((), ())


def test_other_words_are_news() -> None:
    changes = vigil.update(
        [], [FULL], standing={"counting:n1": "something else"}, policy=POLICY, now=NOW
    )
    assert [one.key for one in changes.opened] == ["counting:n1"]
    assert changes.resolved == ()


def test_what_is_over_is_resolved_and_other_alerts_are_left_alone() -> None:
    standing = {"deferral:yahoo": "x", "counting:n1": "y", "duplicate:n1": "z"}
    well = Ailing(node_id="n1", name="mx1", problems=["zones: no answer"])
    changes = vigil.update([], [well], standing=standing, policy=POLICY, now=NOW)
    assert changes.opened == ()
    assert changes.resolved == ("counting:n1", "deferral:yahoo")


def test_the_limit_is_the_policys() -> None:
    strict = Policy(deferral_alert=0.125)
    (alert,) = vigil.update(["google"], [], standing={}, policy=strict, now=NOW).opened
    assert alert.text.startswith("google has deferred 12.5% or more")
