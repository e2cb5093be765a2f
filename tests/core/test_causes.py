"""What an alert's key says, which words belong to its cause, and others' words made harmless."""

import pytest

from collector.core import causes, notices, phrases, vigil
from collector.core.causes import Facets, Owner
from collector.core.judge import judge
from collector.core.policy import Policy
from tests.core.fleet import NOON
from tests.core.snapshots import Dice
from tests.core.thread import ZEN


@pytest.mark.parametrize(
    ("key", "expected", "cause"),
    [
        (
            "blocked:gmail.com:2001:db8::1",
            Facets(cause="blocked", part="gmail.com", subject="2001:db8::1"),
            "blocked:gmail.com",
        ),
        (
            "service-down:opendkim:n1",
            Facets(cause="service-down", part="opendkim", subject="n1"),
            "service-down",
        ),
        (
            "service-down:n1",
            Facets(cause="service-down", part=None, subject="n1"),
            "service-down",
        ),
        (
            f"listed:{ZEN}:2001:db8::1",
            Facets(cause="listed", part=ZEN, subject="2001:db8::1"),
            f"listed:{ZEN}",
        ),
        (
            f"zone-brake:{ZEN}",
            Facets(cause="zone-brake", part=ZEN, subject=""),
            f"listed:{ZEN}",
        ),
        (
            "bounce-rate:192.0.2.1",
            Facets(cause="bounce-rate", part=None, subject="192.0.2.1"),
            "bounce-rate",
        ),
        (
            "deferral:gmail.com",
            Facets(cause="deferral", part=None, subject="gmail.com"),
            "deferral",
        ),
    ],
)
def test_a_key_says_what_it_is_about(key: str, expected: Facets, cause: str) -> None:
    assert causes.facets(key) == expected
    assert causes.cause_of(key) == cause


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain", "plain"),
        ("two\r\nlines\tand \x1b[31mred\x07", "two lines and [31mred"),
        ("right\u202eto left\u2028line", "right to left line"),
        ("550 <anna.b+x@gmail.com>: no", "550 <…@gmail.com>: no"),
        ("a2b3c4d5e6f7g8h9j0k1l2m3n4.zen.dq.spamhaus.net", "<key>.zen.dq.spamhaus.net"),
        ("x" * 500, "x" * 299 + "…"),
    ],
)
def test_words_of_others_are_harmless(text: str, harmless: str) -> None:
    assert phrases.harmless(text) == harmless


def test_lines_are_bounded_and_said_once() -> None:
    assert phrases.lines(["a", "b", "a", ""]) == ("a", "b")
    assert phrases.lines(map(str, range(40)), most=3) == ("0", "1", "… and 38 more")


def test_every_cause_has_a_row() -> None:
    """Also who resolves it: what nobody owns would stand for ever."""
    assert all(cause.owner for cause in causes.CAUSES.values())
    judged = causes.owned_by(Owner.NODE, Owner.FLEET)
    for number in range(100):
        dice = Dice(number)
        told = judge(dice.snapshot(), dice.policy(), now=NOON).alerts_open
        assert {causes.facets(one.key).cause for one in told} <= judged
    assert {vigil.DEFERRAL, vigil.COUNTING} == causes.owned_by(Owner.VIGIL)
    assert causes.owned_by(Owner.COURIER) == {vigil.CHANNEL}


def test_every_cause_has_words_that_can_be_filled() -> None:
    known = {"node": "n", "part": "z", "address": "a", "subject": "s", **notices.figures(Policy())}
    for cause in causes.CAUSES.values():
        assert cause.many.format(n=6, part="z")
        assert all(text.format(**known) for text in (*cause.coming, *cause.can))
        assert cause.part_of in ("", *causes.CAUSES)
