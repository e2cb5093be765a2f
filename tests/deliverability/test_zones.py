"""What a zone's answer means: every ZEN code, every refusal, every mixture, and the sentinels."""

import itertools

import pytest

from deliverability import zones
from deliverability.catalogue import CATALOGUE
from deliverability.zones import (
    ZEN,
    Consequence,
    Finding,
    Reply,
    Sentinels,
    Tier,
    Verdict,
)

PAUSING = [f"127.0.0.{last}" for last in (2, 3, 4, 5, 6, 7, 9, 30)]
POLICY = ["127.0.0.10", "127.0.0.11"]
CLEAR = Reply(is_nxdomain=True)
TIMEOUT = Reply(problem="timeout")


def replied(*addresses: str) -> Reply:
    return Reply(addresses=addresses)


LISTED = replied("127.0.0.2", "127.0.0.4", "127.0.0.10")


def test_zen_is_critical_and_names_its_source() -> None:
    assert ZEN in CATALOGUE.enabled()
    assert (ZEN.name, ZEN.operator, ZEN.tier) == ("zen.spamhaus.org", "Spamhaus", Tier.CRITICAL)
    assert ZEN.source.startswith("https://docs.spamhaus.com/")
    assert ZEN.dated
    assert ZEN.delisting.startswith("https://")


def test_zen_lists_by_exactly_these_codes() -> None:
    assert {code.answer for code in ZEN.codes} == {*PAUSING, *POLICY}
    assert all(code.first == code.last and not code.bit for code in ZEN.codes)
    assert all(code.meaning for code in ZEN.codes)


@pytest.mark.parametrize("zone", CATALOGUE.enabled(), ids=lambda zone: zone.name)
def test_no_zone_lists_by_an_error_or_outside_loopback(zone: zones.Zone) -> None:
    for code in zone.codes:
        assert zones.verdict(zone, replied(code.answer)) is Verdict.LISTED
        assert zones.consequence(zone, [code.answer]) is code.consequence
    assert not {code.answer for code in zone.codes} & set(zone.errors)


@pytest.mark.parametrize("answer", PAUSING + POLICY)
def test_a_listed_code_lists(answer: str) -> None:
    assert zones.verdict(ZEN, replied(answer)) is Verdict.LISTED
    assert zones.judge(ZEN, replied(answer))[1] == ""


def test_nxdomain_clears() -> None:
    assert zones.verdict(ZEN, CLEAR) is Verdict.CLEAR
    assert zones.judge(ZEN, CLEAR)[1] == ""


UNKNOWN = [
    (TIMEOUT, "timeout"),
    (Reply(problem="SERVFAIL"), "SERVFAIL"),
    (Reply(problem="REFUSED"), "REFUSED"),
    (Reply(), "a name without addresses"),
    (replied("127.0.0.8"), "unrecognised 127.0.0.8"),
    (replied("127.0.0.1"), "unrecognised 127.0.0.1"),
    (replied("127.0.1.2"), "unrecognised 127.0.1.2"),
    (replied("127.0.0.20", "127.1.1.1"), "unrecognised 127.0.0.20, 127.1.1.1"),
    (replied("127.255.255.252"), "refused 127.255.255.252: typing error in the zone's name"),
    (
        replied("127.255.255.254"),
        "refused 127.255.255.254: asked through a public or unattributable resolver",
    ),
    (replied("127.255.255.255"), "refused 127.255.255.255: too many queries"),
    (replied("127.255.255.0"), "refused 127.255.255.0"),
    (replied("127.255.255.2"), "refused 127.255.255.2"),
    (replied("0.0.0.0"), "answer 0.0.0.0 outside 127.0.0.0/8"),
    (replied("91.195.240.87"), "answer 91.195.240.87 outside 127.0.0.0/8"),
    (replied("1.127.0.2"), "answer 1.127.0.2 outside 127.0.0.0/8"),
    (Reply(addresses=("127.0.0.2",), is_nxdomain=True), "NXDOMAIN together with addresses"),
]


@pytest.mark.parametrize("reply, why", UNKNOWN)
def test_all_else_is_unknown_and_says_why(reply: Reply, why: str) -> None:
    assert zones.verdict(ZEN, reply) is Verdict.UNKNOWN
    assert zones.judge(ZEN, reply)[1] == why


@pytest.mark.parametrize("spoiler", ["127.255.255.254", "127.255.255.1", "10.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("listed", [*PAUSING, *POLICY])
def test_one_refusal_or_stranger_spoils_the_set(spoiler: str, listed: str) -> None:
    for answers in itertools.permutations([spoiler, listed]):
        assert zones.verdict(ZEN, replied(*answers)) is Verdict.UNKNOWN
        assert zones.consequence(ZEN, answers) is Consequence.NONE


def test_a_new_code_beside_a_listed_one_spoils_nothing() -> None:
    assert zones.verdict(ZEN, replied("127.0.0.2", "127.0.0.31")) is Verdict.LISTED
    assert zones.consequence(ZEN, ["127.0.0.10", "127.0.0.31"]) is Consequence.POLICY
    assert zones.verdict(ZEN, replied("127.0.0.31")) is Verdict.UNKNOWN


def test_a_botnet_controller_is_a_listing_of_its_own() -> None:
    """docs.spamhaus.com, "Available Zones": 127.0.0.30 is BCL, in SBL and so in ZEN."""
    assert zones.verdict(ZEN, replied("127.0.0.30")) is Verdict.LISTED
    assert zones.consequence(ZEN, ["127.0.0.10", "127.0.0.30"]) is Consequence.PAUSE


@pytest.mark.parametrize(
    "answers, expected",
    [
        *(((answer,), Consequence.PAUSE) for answer in PAUSING),
        *(((answer,), Consequence.POLICY) for answer in POLICY),
        (("127.0.0.10", "127.0.0.11"), Consequence.POLICY),
        (("127.0.0.10", "127.0.0.4"), Consequence.PAUSE),
        (("127.0.0.8",), Consequence.NONE),
        ((), Consequence.NONE),
    ],
)
def test_the_gravest_consequence_counts(answers: tuple[str, ...], expected: Consequence) -> None:
    assert zones.consequence(ZEN, answers) is expected


SENTINELS = [
    (LISTED, CLEAR, ""),
    (replied("127.0.0.10"), CLEAR, ""),
    (CLEAR, CLEAR, "sentinel 127.0.0.2 clear"),
    (LISTED, LISTED, "sentinel 127.0.0.1 listed"),
    (TIMEOUT, CLEAR, "sentinel 127.0.0.2: timeout"),
    (LISTED, TIMEOUT, "sentinel 127.0.0.1: timeout"),
    (replied("127.255.255.254"), CLEAR, "sentinel 127.0.0.2: refused 127.255.255.254: asked"),
    (LISTED, replied("8.8.8.8"), "sentinel 127.0.0.1: answer 8.8.8.8 outside"),
    (Reply(), CLEAR, "sentinel 127.0.0.2: a name without addresses"),
]


@pytest.mark.parametrize("positive, negative, why", SENTINELS)
def test_sentinels(positive: Reply, negative: Reply, why: str) -> None:
    expected = Sentinels.WRONG if why else Sentinels.RIGHT
    assert zones.assess(ZEN, CLEAR, positive=positive, negative=negative).sentinels is expected
    said = zones.why_wrong(ZEN, positive=positive, negative=negative)
    assert said.startswith(why)
    assert bool(said) == bool(why)


@pytest.mark.parametrize("positive, negative, why", [row for row in SENTINELS if row[2]])
@pytest.mark.parametrize("reply", [CLEAR, replied("127.0.0.2"), replied("127.0.0.10")])
def test_a_zone_with_wrong_sentinels_neither_lists_nor_clears(
    reply: Reply, positive: Reply, negative: Reply, why: str
) -> None:
    found = zones.assess(ZEN, reply, positive=positive, negative=negative)
    assert (found.verdict, found.sentinels) == (Verdict.UNKNOWN, Sentinels.WRONG)
    assert found.answers == reply.addresses
    assert found.why.startswith(why)


@pytest.mark.parametrize(
    "reply, verdict", [(CLEAR, Verdict.CLEAR), (replied("127.0.0.9"), Verdict.LISTED)]
)
def test_a_sane_zone_is_believed(reply: Reply, verdict: Verdict) -> None:
    found = zones.assess(ZEN, reply, positive=LISTED, negative=CLEAR)
    assert found == Finding(
        verdict=verdict, answers=reply.addresses, sentinels=Sentinels.RIGHT, why=""
    )


def test_the_answers_own_trouble_is_told_before_the_sentinels() -> None:
    refused = replied("127.255.255.255")
    found = zones.assess(ZEN, refused, positive=refused, negative=refused)
    assert found.why == "refused 127.255.255.255: too many queries"
    assert found.sentinels is Sentinels.WRONG


def test_answers_are_sorted_by_number_and_bounded() -> None:
    assert zones.answer(["127.0.0.10", "127.0.0.2", "127.0.0.10"]).addresses == (
        "127.0.0.2",
        "127.0.0.10",
    )
    flood = zones.answer(f"127.0.1.{last}" for last in range(zones.ANSWERS_MAX + 1))
    assert flood == Reply(problem="more than 32 answers")
