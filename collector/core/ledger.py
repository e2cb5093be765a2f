"""Who takes the next messages of a pool: grants, counted against every cap before they are used.

One ledger a pool, kept in memory by its owner, who tells it what was sent. A grant counts from the
moment it is given until it is over and its node has surely told what it sent of it: granted or
sent, whichever is more. What was granted and not used comes back then, never earlier.

Addresses of equal weight take turns: over any time in which both could, none is more than one
message ahead.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.core.policy import Policy
from collector.core.rotation import Member, Rotation, Strategy
from collector.core.tallies import Slots, Tally, slots
from deliverability import limits

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`region`: whose nodes are preferred; `only_there`: no others at all. `domain`: whose mail it
    is, if that is said; its caps are looked at before the ledger is asked."""

    messages: int
    receiver: str
    expires_at: datetime
    region: str = ""
    only_there: bool = False
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Messages by address, in turn. Empty: none may send now, and `held` says why."""

    to: tuple[tuple[Key, int], ...]
    held: tuple[tuple[str, int], ...] = ()

    @property
    def messages(self) -> int:
        return sum(count for _, count in self.to)


@dataclass(slots=True)
class _Lane:
    """One address's turn. `turn`: what it was given so far, by its weight."""

    member: Member
    weight: float
    turn: float
    whole: Tally = field(default_factory=Tally)
    # Messages an hour by receiver, as its score and its warm-up allow.
    limits: dict[str, int] = field(default_factory=dict)
    by_receiver: dict[str, Tally] = field(default_factory=dict)
    # Of receivers that block it: the turn, and how many messages were granted as its probe.
    probes: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def of(self, receiver: str) -> Tally:
        tally = self.by_receiver.get(receiver)
        if tally is None:
            tally = self.by_receiver[receiver] = Tally()
        return tally

    # Found unfit since the rotation was read.
    against: str = ""


class Ledger:
    """`refresh` first; then grants are given, taken back, and forgotten when they are over."""

    def __init__(self, policy: Policy) -> None:
        # Whoever keeps the ledger may change it before a refresh.
        self.policy = policy
        self._lanes: dict[Key, _Lane] = {}
        self._turns: list[tuple[float, Key]] = []
        self._strategy = Strategy.ROUND_ROBIN
        self._region = ""
        self._is_stopped = False

    def refresh(self, rotation: Rotation, *, now: datetime) -> None:
        """Members, shares, caps and what was sent, as they stand. Grants that are over end here,
        where what was sent is known."""
        front = min((one.turn for one in self._lanes.values()), default=0.0)
        front = max(front, self._turns[0][0] if self._turns else 0.0)
        known, self._lanes = self._lanes, {}
        self._strategy, self._region = rotation.strategy, rotation.region
        self._is_stopped = rotation.is_stopped
        over, at = now - self.policy.grant_report_lag, slots(now)
        for member in rotation.members:
            lane = known.get(member.key) or _Lane(member=member, weight=1.0, turn=front)
            lane.member, lane.against = member, ""
            lane.limits.clear()
            lane.weight = float(member.share or 1)
            lane.turn = max(lane.turn, front)
            lane.whole.told(member.used, now=at, over=over)
            for name in lane.by_receiver.keys() | member.receivers.keys():
                lane.of(name).told(member.receivers.get(name), now=at, over=over)
            lane.probes = {n: one for n, one in lane.probes.items() if n in member.blocks}
            lane.by_receiver = {n: one for n, one in lane.by_receiver.items() if one.is_used}
            self._lanes[member.key] = lane
        self._line_up()

    def give(self, asked: Wanted, *, now: datetime) -> Given:
        """As many of the messages as may be sent; fewer or none when there is no room."""
        if self._is_stopped:
            return Given(to=(), held=(("sending is stopped for the whole fleet", 1),))
        at, region = slots(now), asked.region or self._region
        preferred = region if self._strategy is Strategy.REGION or asked.only_there else ""
        taken: dict[Key, int] = {}
        if preferred:
            self._fill(taken, asked, region=preferred, now=at)
        if not asked.only_there:
            self._fill(taken, asked, region="", now=at)
        given = tuple(taken.items())
        for key, count in given:
            lane = self._lanes[key]
            lane.whole.grant(count, until=asked.expires_at, now=at)
            lane.of(asked.receiver).grant(count, until=asked.expires_at, now=at)
            self._count_probe(lane, asked.receiver, messages=count)
        short = sum(taken.values()) < asked.messages
        return Given(to=given, held=self._held(asked, now=at) if short else ())

    def restore(self, key: Key, asked: Wanted, *, now: datetime) -> None:
        """A grant of before this process: counted on top of all that was sent by now."""
        lane, at = self._lanes.get(key), slots(now)
        if lane is not None:
            lane.whole.grant(asked.messages, until=asked.expires_at, now=at)
            lane.of(asked.receiver).grant(asked.messages, until=asked.expires_at, now=at)
            self._count_probe(lane, asked.receiver, messages=asked.messages)

    def take_back(self, given: Given, asked: Wanted, *, unfit: Iterable[tuple[Key, str]]) -> None:
        """A grant that was not kept, because of these addresses: they get none until the next
        refresh."""
        for key, count in given.to:
            lane = self._lanes.get(key)
            if lane is not None:  # else it left the pool meanwhile
                lane.whole.take_back(count, until=asked.expires_at)
                lane.by_receiver[asked.receiver].take_back(count, until=asked.expires_at)
                self._count_probe(lane, asked.receiver, messages=-count)
                lane.turn -= count / lane.weight
        for key, why in unfit:
            if key in self._lanes:
                self._lanes[key].against = why
        self._line_up()

    def _line_up(self) -> None:
        self._turns = [
            (lane.turn, key)
            for key, lane in self._lanes.items()
            if not (lane.member.against or lane.against)
        ]
        heapq.heapify(self._turns)

    def _fill(self, taken: dict[Key, int], asked: Wanted, *, region: str, now: Slots) -> None:
        """Turn by turn; whoever has no room, or stands elsewhere, is passed over and keeps its
        turn no longer than the others move on."""
        left = asked.messages - sum(taken.values())
        rooms: dict[Key, int] = {}
        passed: list[Key] = []
        while left > 2 * len(self._turns):
            poured = self._pour(taken, left, asked=asked, region=region, now=now)
            left -= poured
            if not poured:
                break
        turns = self._turns
        while left and turns:
            turn, key = turns[0]
            lane = self._lanes[key]
            if key not in rooms:
                is_there = not region or lane.member.region == region
                room = self._room(lane, asked.receiver, now=now) if is_there else 0
                rooms[key] = room - taken.get(key, 0)
            if rooms[key] <= 0:
                heapq.heappop(turns)
                passed.append(key)
                continue
            rooms[key] -= 1
            taken[key] = taken.get(key, 0) + 1
            left -= 1
            lane.turn = turn + 1 / lane.weight
            heapq.heapreplace(turns, (lane.turn, key))
        self._pass_over(passed)

    def _pour(
        self, taken: dict[Key, int], messages: int, *, asked: Wanted, region: str, now: Slots
    ) -> int:
        """Many messages at once: up to one level for all, rounded down; the rest goes in turn."""
        lanes = [
            (key, lane, room - taken.get(key, 0))
            for _, key in self._turns
            if not region or self._lanes[key].member.region == region
            for lane in (self._lanes[key],)
            for room in (self._room(lane, asked.receiver, now=now),)
            if room > taken.get(key, 0)
        ]
        if not lanes:
            return 0
        level = _level(lanes, messages)
        poured = 0
        for key, lane, room in lanes:
            count = min(room, int(max(0.0, level - lane.turn) * lane.weight), messages - poured)
            if count > 0:
                taken[key] = taken.get(key, 0) + count
                lane.turn += count / lane.weight
                poured += count
        self._line_up()
        return poured

    def _pass_over(self, passed: Sequence[Key]) -> None:
        """What could not take its turn does not save it up."""
        front = self._turns[0][0] if self._turns else 0.0
        for key in passed:
            lane = self._lanes[key]
            lane.turn = max(lane.turn, front)
            heapq.heappush(self._turns, (lane.turn, key))

    def _room(self, lane: _Lane, receiver: str, *, now: Slots) -> int:
        """How many it may still be given for this receiver."""
        member, cap = lane.member, lane.member.cap
        most = self._probe(lane, receiver) if receiver in member.blocked else None
        if most == 0:
            return 0
        tally = lane.by_receiver.get(receiver)
        bound = lane.limits.get(receiver)
        if bound is None:
            bound = limits.per_hour(receiver, score=member.score, warming=cap is not None)
            lane.limits[receiver] = bound
        room = bound - (tally.hour(now) if tally else 0)
        room = room if most is None else min(room, most)
        if cap is None:
            return room
        of_day = cap.receiver - (tally.day(now) if tally else 0)
        return min(room, of_day, cap.day - lane.whole.day(now), cap.hour - lane.whole.hour(now))

    def _probe(self, lane: _Lane, receiver: str) -> int:
        """What is left of a blocked receiver's probe."""
        block = lane.member.blocks.get(receiver)
        turn = None if block is None else block.probed_since(self.policy)
        if turn is None:
            return 0
        known, given = lane.probes.get(receiver, (turn, 0))
        return self.policy.probe_messages - (given if known == turn else 0)

    def _count_probe(self, lane: _Lane, receiver: str, *, messages: int) -> None:
        """Granted, or taken back, of the present turn."""
        block = lane.member.blocks.get(receiver)
        turn = None if block is None else block.probed_since(self.policy)
        if turn is not None:
            known, given = lane.probes.get(receiver, (turn, 0))
            lane.probes[receiver] = (turn, messages + (given if known == turn else 0))

    def _held(self, asked: Wanted, *, now: Slots) -> tuple[tuple[str, int], ...]:
        """Why the rest of them give nothing more, and how many addresses for each reason."""
        found: dict[str, int] = {}
        for lane in self._lanes.values():
            for why in self._why(lane, asked, now=now):
                found[why] = found.get(why, 0) + 1
        if not self._lanes:
            found["the pool has no address"] = 1
        return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def _why(self, lane: _Lane, asked: Wanted, *, now: Slots) -> tuple[str, ...]:
        member, cap, receiver = lane.member, lane.member.cap, asked.receiver
        if member.against or lane.against:
            return member.against or (lane.against,)
        if asked.only_there and member.region != (asked.region or self._region):
            return ("in another region",)
        if receiver in member.blocked:
            return (f"blocked by {receiver}",)
        if cap is not None and lane.whole.day(now) >= cap.day:
            return ("the day's cap is reached",)
        if cap is not None and lane.whole.hour(now) >= cap.hour:
            return ("the hour's cap is reached",)
        if self._room(lane, receiver, now=now) <= 0:
            return (f"the limit for {receiver} is reached",)
        return ()


def _level(lanes: Sequence[tuple[Key, _Lane, int]], messages: int) -> float:
    """The turn at which so many messages are given, if nobody had caps."""
    whole = sum(lane.weight for _, lane, _ in lanes)
    return (messages + sum(lane.turn * lane.weight for _, lane, _ in lanes)) / whole
