"""What any zone makes of any answer: no input raises, and only its own codes ever list."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability import zones
from deliverability.catalogue import CATALOGUE, SHIPPED
from deliverability.zones import Consequence, Reply, Verdict, Zone
from deliverability.zones_shapes import number_of, text_of

ROWS = tuple(CATALOGUE.values())
LOOPBACK = st.integers(0x7F000000, 0x7FFFFFFF).map(text_of)
NEAR = st.builds(
    lambda third, last: f"127.0.{third}.{last}", st.integers(0, 2), st.integers(0, 255)
)
STRANGE = st.sampled_from(
    ["", "::1", "127.0.0", "127.0.0.2.", "127.0.0.02", "127.0.0.256", "a" * 99]
)
ADDRESSES = st.one_of(NEAR, LOOPBACK, st.integers(0, 2**32 - 1).map(text_of), STRANGE, st.text())
ZONES = st.sampled_from(ROWS)
WHERE = {zone.name: zone for zone in ROWS}


def known(name: str) -> Zone:
    return WHERE[name]


def lists(zone: Zone, address: str) -> bool:
    """The rule said a second time and otherwise: by the octets."""
    octets = [int(part) for part in address.split(".")]
    for code in zone.codes:
        first, last = (
            [one >> shift & 255 for shift in (24, 16, 8, 0)] for one in (code.first, code.last)
        )
        if first <= octets <= last and (code.bit == 0 or octets[3] & code.bit):
            return True
    return False


@settings(max_examples=300, deadline=None)
@given(zone=ZONES, addresses=st.lists(ADDRESSES, max_size=6), is_nxdomain=st.booleans())
def test_only_a_zones_own_codes_list(zone: Zone, addresses: list[str], is_nxdomain: bool) -> None:
    reply = Reply(addresses=tuple(addresses), is_nxdomain=is_nxdomain)
    said, why = zones.judge(zone, reply)
    assert (said is Verdict.UNKNOWN) == bool(why)
    assert len(why) < 400
    assert why.isprintable()
    if said is Verdict.LISTED:
        assert not is_nxdomain
        assert all(number_of(one) is not None for one in addresses)
        assert all(one.startswith("127.") for one in addresses)
        assert not any(one.startswith("127.255.255.") or one in zone.errors for one in addresses)
        assert any(lists(zone, one) for one in addresses)
    if said is Verdict.CLEAR:
        assert is_nxdomain != bool(addresses)
        assert not any(lists(zone, one) for one in addresses)
    has_weight = zones.consequence(zone, addresses) is not Consequence.NONE
    assert (
        not has_weight or zones.verdict(zone, Reply(addresses=tuple(addresses))) is Verdict.LISTED
    )


@settings(max_examples=200, deadline=None)
@given(addresses=st.lists(ADDRESSES, max_size=40))
def test_an_answer_is_sorted_bounded_or_a_problem(addresses: list[str]) -> None:
    reply = zones.answer(addresses)
    unique = set(addresses)
    if len(unique) > zones.ANSWERS_MAX or any(number_of(one) is None for one in unique):
        assert reply.problem
        assert not reply.addresses
    else:
        assert reply == Reply(addresses=tuple(sorted(unique, key=lambda one: number_of(one) or 0)))


@settings(max_examples=200, deadline=None)
@given(zone=ZONES, reply=st.lists(NEAR, max_size=2), points=st.lists(NEAR, max_size=2))
def test_a_zone_whose_test_points_are_wrong_says_nothing(
    zone: Zone, reply: list[str], points: list[str]
) -> None:
    asked, point = Reply(addresses=tuple(reply)), Reply(addresses=tuple(points))
    found = zones.assess(zone, asked, positive=point, negative=point)
    assert found.verdict is Verdict.UNKNOWN  # the same answer cannot be listed and clear
    assert found.why


def test_a_zone_without_test_points_says_nothing() -> None:
    zone = SHIPPED["superblock.ascams.com"]
    assert not zone.sentinel_listed
    said = Reply(addresses=("127.0.0.2",))
    found = zones.assess(zone, said, positive=said, negative=Reply(is_nxdomain=True))
    assert (found.verdict, found.why) == (Verdict.UNKNOWN, "it has no test points")


@given(text=st.text())
def test_a_number_is_only_made_of_what_ipaddress_takes(text: str) -> None:
    assert number_of(text) is None or text_of(number_of(text) or 0) == text


@pytest.mark.parametrize("name", sorted(WHERE))
def test_five_hundred_answers_cost_nothing_and_list_nothing(name: str) -> None:
    many = tuple(f"127.0.{third}.{last}" for third in (0, 1) for last in range(2, 252))
    began = time.perf_counter()
    assert zones.answer(many).problem == "more than 32 answers"
    assert zones.verdict(known(name), Reply(addresses=many)) is Verdict.UNKNOWN
    assert zones.consequence(known(name), many) is Consequence.NONE
    found = zones.assess(known(name), Reply(addresses=many), positive=Reply(), negative=Reply())
    assert len(found.answers) <= zones.ANSWERS_MAX
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    "name, answers, said, why",
    [
        # The operator's own word for "not listed" clears.
        ("hostkarma.junkemailfilter.com", ["127.0.0.1"], Verdict.CLEAR, ""),
        ("hostkarma.junkemailfilter.com", ["127.0.0.3", "127.0.0.5"], Verdict.CLEAR, ""),
        ("hostkarma.junkemailfilter.com", ["127.0.0.2", "127.0.0.5"], Verdict.LISTED, ""),
        ("bl.mailspike.net", ["127.0.0.18"], Verdict.CLEAR, ""),
        ("list.dnswl.org", ["127.0.5.2"], Verdict.CLEAR, ""),
        # Beside it, what nobody knows may be a new way to list.
        (
            "bl.mailspike.net",
            ["127.0.0.18", "127.0.0.9"],
            Verdict.UNKNOWN,
            "unrecognised 127.0.0.9",
        ),
        # Refusals of a zone's own.
        (
            "list.dnswl.org",
            ["127.0.0.255"],
            Verdict.UNKNOWN,
            "refused 127.0.0.255: over the query limit",
        ),
        ("multi.uribl.com", ["127.0.0.1"], Verdict.UNKNOWN, "refused 127.0.0.1: query refused"),
        (
            "bl.score.senderscore.com",
            ["127.255.255.255"],
            Verdict.UNKNOWN,
            "refused 127.255.255.255: the resolver is not registered",
        ),
        # Bits.
        ("dnsbl.tornevall.org", ["127.0.0.9"], Verdict.CLEAR, ""),
        ("dnsbl.tornevall.org", ["127.0.0.65"], Verdict.LISTED, ""),
        ("multi.surbl.org", ["127.0.0.80"], Verdict.LISTED, ""),
        # Codes outside 127.0.0.0/24, and the zone that lists by every answer.
        ("bl.rbl.polspam.pl", ["127.0.2.0"], Verdict.LISTED, ""),
        ("nbl.0spam.org", ["127.0.77.0"], Verdict.LISTED, ""),
        ("black.dnsbl.brukalai.lt", ["127.3.2.1"], Verdict.LISTED, ""),
        ("black.dnsbl.brukalai.lt", ["127.0.0.1"], Verdict.UNKNOWN, "unrecognised 127.0.0.1"),
        (
            "black.dnsbl.brukalai.lt",
            ["127.255.255.254"],
            Verdict.UNKNOWN,
            "refused 127.255.255.254",
        ),
        # A test entry lists, or the zone could not be vouched for.
        ("dnsrbl.swinog.ch", ["127.0.0.2"], Verdict.LISTED, ""),
        ("bl.spamcop.net", ["127.0.0.3"], Verdict.UNKNOWN, "unrecognised 127.0.0.3"),
        (
            "bl.spamcop.net",
            ["91.195.240.87"],
            Verdict.UNKNOWN,
            "answer 91.195.240.87 outside 127.0.0.0/8",
        ),
        ("bl.spamcop.net", ["x\x1b[2J"], Verdict.UNKNOWN, r"answer 'x\x1b[2J' is no IPv4 address"),
    ],
)
def test_each_zone_by_its_own_codes(name: str, answers: list[str], said: Verdict, why: str) -> None:
    reply = Reply(addresses=tuple(answers))
    assert zones.judge(known(name), reply) == (said, why)


def test_the_dead_say_nothing_whatever_they_answer() -> None:
    for zone in SHIPPED.where(status="dead"):
        for answers in (("127.0.0.2",), ("127.0.0.1",), ("127.0.0.2", "127.0.0.4")):
            assert zones.verdict(zone, Reply(addresses=answers)) is Verdict.UNKNOWN


def test_many_strange_answers_are_told_briefly() -> None:
    reply = Reply(addresses=tuple(f"127.0.9.{last}" for last in range(20)))
    assert zones.judge(zones.ZEN, reply)[1].endswith("127.0.9.7 and 12 more")


def test_bits_are_told_one_by_one() -> None:
    found = zones.meant(known("multi.surbl.org"), ["127.0.0.80"])
    assert [code.meaning for code in found] == ["malware", "abuse"]


def test_a_key_reaches_nobody_but_its_operator() -> None:
    """The Spamhaus key in the name asked of another operator would be given away."""
    key = zones.ZoneKey("s3cret")
    abusix = known("combined.mail.abusix.zone")
    assert "only with a key of Abusix" in zones.why_unaskable(abusix, "192.0.2.1", key=key)
    with pytest.raises(ValueError, match="only with a key of Abusix") as caught:
        zones.query_name(abusix, "192.0.2.1", key=key)
    assert "s3cret" not in str(caught.value)
    rats = zones.query_name(known("spam.spamrats.com"), "192.0.2.1", key=key)
    assert rats.reveal() == "1.2.0.192.spam.spamrats.com"
    theirs = zones.query_name(abusix, "192.0.2.1", key=zones.ZoneKey("K1", operator="Abusix"))
    assert theirs.reveal() == "1.2.0.192.k1.combined.mail.abusix.zone"
    assert str(theirs) == "1.2.0.192.<key>.combined.mail.abusix.zone"


@pytest.mark.parametrize(
    "name, address, why",
    [
        ("dnsbl.sorbs.net", "192.0.2.1", "dnsbl.sorbs.net is dead and never asked"),
        ("multi.surbl.org", "192.0.2.1", "multi.surbl.org is not asked about ip4 addresses"),
        ("bl.spamcop.net", "2001:db8::1", "bl.spamcop.net is not asked about ip6 addresses"),
        ("blacklist.woody.ch", "192.0.2.1", "blacklist.woody.ch has no test points"),
        ("bl.spamcop.net", "192.0.2.1", ""),
    ],
)
def test_who_is_not_asked(name: str, address: str, why: str) -> None:
    zone = CATALOGUE.by_name(name)
    assert zone is not None
    said = zones.why_unaskable(zone, address)
    assert said.startswith(why)
    assert bool(said) == bool(why)
