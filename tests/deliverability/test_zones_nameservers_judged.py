"""Which nameservers are believed about blocklists, by what they said."""

import pytest

from deliverability import nameservers_judged
from deliverability.nameservers_judged import NameserverState, Tried, Whose
from deliverability.zones import Reply, ZoneKey, ZoneKeys

LISTED, ABSENT = Reply(addresses=("127.0.0.2",)), Reply(is_nxdomain=True)
REFUSED = Reply(addresses=("127.255.255.254",))
OURS, THEIRS = Reply(addresses=("198.51.100.7",)), Reply(addresses=("203.0.113.9",))
MINE = Whose(addresses=("198.51.100.7", "198.51.100.8"))
PUBLIC, GOOD = NameserverState.PUBLIC, NameserverState.GOOD


@pytest.mark.parametrize(
    "known, unknown, who, whose, state, why",
    [
        (LISTED, ABSENT, OURS, MINE, GOOD, ""),
        (LISTED, ABSENT, THEIRS, MINE, PUBLIC, "it asks from 203.0.113.9, no address of ours: oth"),
        (LISTED, ABSENT, ABSENT, MINE, GOOD, ""),
        (LISTED, ABSENT, Reply(problem="timeout"), MINE, GOOD, ""),
        (LISTED, ABSENT, THEIRS, Whose(), GOOD, ""),
        (
            LISTED,
            ABSENT,
            THEIRS,
            Whose(addresses=("198.51.100.7",), is_chosen=True),
            GOOD,
            "it asks from 203.0.113.9, no address of ours",
        ),
        (LISTED, ABSENT, OURS, Whose(is_public=True), PUBLIC, "a public resolver"),
        (REFUSED, ABSENT, OURS, MINE, NameserverState.REFUSED, "refused 127.255.255.254"),
        (REFUSED, THEIRS, THEIRS, MINE, NameserverState.REWRITES, "it answers 203.0.113.9 for"),
        (ABSENT, ABSENT, OURS, MINE, NameserverState.SILENT, "zen.spamhaus.org does not list"),
        (Reply(problem="timeout"), ABSENT, OURS, MINE, NameserverState.SILENT, "timeout"),
    ],
)
def test_what_it_is(  # a row of the table
    known: Reply, unknown: Reply, who: Reply, whose: Whose, state: NameserverState, why: str
) -> None:
    found = nameservers_judged.judge(Tried(known=known, unknown=unknown, who=who), whose)
    assert found[0] is state
    assert found[1].startswith(why)
    assert bool(found[1]) == bool(why)


def test_the_key_is_asked_with_and_not_shown() -> None:
    asked = nameservers_judged.questions(ZoneKeys(ZoneKey("s3cretkey")), strange="nobody.example")
    assert [name.reveal() for name in asked] == [
        "2.0.0.127.s3cretkey.zen.dq.spamhaus.net",
        "nobody.example",
        "whoami.akamai.net",
    ]
    assert "s3cretkey" not in str(asked)
