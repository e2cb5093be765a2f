"""A zone whose test points are wrong is asked little until they are right, and then all at once."""

from datetime import timedelta

import pytest

from agent.dnsbl.sweep import Sweep
from deliverability.zones import ZEN, Reply, Sentinels, Verdict
from tests.agent.test_dnsbl_sweep import HIT, NOW, RIGHT, A, B, World

LISTED_POINT, CLEAR_POINT = "2.0.0.127.zen.spamhaus.org", "1.0.0.127.zen.spamhaus.org"
TOO_MANY = Reply(addresses=("127.255.255.255",))
REFUSING = dict.fromkeys(
    (LISTED_POINT, CLEAR_POINT, "5.0.0.10.zen.spamhaus.org", "6.0.0.10.zen.spamhaus.org"), TOO_MANY
)
MAD = RIGHT | HIT | {CLEAR_POINT: Reply(addresses=("127.0.0.2",))}


class Rounds:
    """Of one sweep, five minutes apart."""

    def __init__(self, *worlds: World) -> None:
        self.sweep = Sweep([one.way for one in worlds])
        self.worlds = worlds
        self.count = 0

    async def once(self) -> tuple[list[int], set[tuple[Verdict, Sentinels]], str]:
        """How many questions each nameserver got; what was found; why."""
        self.count += 1
        for world in self.worlds:
            world.asked.clear()
        now = NOW + timedelta(minutes=5 * self.count)
        found = await self.sweep.once([ZEN], [A, B], number=self.count, now=now)
        assert len(found) == 2
        said = {(one.verdict, one.sentinels) for one in found}
        return [len(world.asked) for world in self.worlds], said, found[0].why


ILL, WELL = {(Verdict.UNKNOWN, Sentinels.WRONG)}, {(Verdict.CLEAR, Sentinels.RIGHT)}


@pytest.mark.parametrize(
    "replies, point, why",
    [
        (REFUSING, LISTED_POINT, "refused 127.255.255.255: too many queries"),
        (MAD, CLEAR_POINT, "sentinel 127.0.0.1 listed"),
        ({}, LISTED_POINT, "sentinel 127.0.0.2 clear"),
        ({LISTED_POINT: Reply(problem="timeout")}, LISTED_POINT, "sentinel 127.0.0.2: timeout"),
    ],
    ids=["refusing", "mad", "emptied", "silent"],
)
async def test_in_quarantine_one_question_a_round(
    replies: dict[str, Reply], point: str, why: str
) -> None:
    world = World(replies)
    rounds = Rounds(world)
    assert await rounds.once() == ([4], ILL, why)
    for _ in range(3):
        asked, found, again = await rounds.once()
        assert (asked, found, world.asked) == ([1], ILL, [point])
        assert again.endswith(why)
    world.replies = RIGHT
    assert await rounds.once() == ([4], WELL, "")
    assert await rounds.once() == ([2], WELL, "")


async def test_a_zone_that_lists_us_on_its_return_counts_at_once() -> None:
    world = World({})
    rounds = Rounds(world)
    await rounds.once()
    world.replies = RIGHT | HIT
    asked, found, _ = await rounds.once()
    assert asked == [4]
    assert found == {(Verdict.LISTED, Sentinels.RIGHT), (Verdict.CLEAR, Sentinels.RIGHT)}


async def test_half_right_on_its_return_is_quarantine_still() -> None:
    world = World({})
    rounds = Rounds(world)
    await rounds.once()
    world.replies = MAD
    assert (await rounds.once())[1:] == (ILL, "sentinel 127.0.0.1 listed")
    asked, found, _ = await rounds.once()
    assert (asked, found, world.asked) == ([1], ILL, [CLEAR_POINT])


async def test_each_nameserver_has_a_quarantine_of_its_own() -> None:
    broken, sane = World({}), World(RIGHT)
    rounds = Rounds(broken, sane)
    assert await rounds.once() == ([4, 4], WELL, "")
    assert await rounds.once() == ([1, 2], WELL, "")
    broken.replies = RIGHT
    assert await rounds.once() == ([4, 0], WELL, "")
    assert await rounds.once() == ([2, 0], WELL, "")
