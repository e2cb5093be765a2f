"""One round over the zones that are due: every address, and the zones' own sentinels.

Owns the order of asking; what an answer means stands in `deliverability.zones`. Opens no socket,
keeps no clock and no pace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.dnsbl import subjects
from agent.dnsbl.sockets import Way
from agent.dnsbl.subjects import Subject
from agent.model import ZoneReading
from deliverability import zones
from deliverability.zones import Finding, QueryName, Reply, Sentinels, Tier, Verdict, Zone, ZoneKeys
from deliverability.zones_pace import HELD_CRITICAL_MAX, HELD_MAX, SENTINELS_EVERY

# Sentinels that were right vouch for what is clear for so long; whatever else a zone says is
# vouched for by sentinels asked in the same round.
VOUCHED_FOR = SENTINELS_EVERY

NO_KEYS = ZoneKeys()
_KEPT_CLEAR = Finding(verdict=Verdict.CLEAR, answers=(), sentinels=Sentinels.RIGHT, why="")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one zone said through one nameserver, in the order of the subjects asked about."""

    way: int
    findings: tuple[Finding, ...]
    replies: tuple[Reply, ...]

    @property
    def is_right(self) -> bool:
        return self.findings[0].sentinels is Sentinels.RIGHT  # asked once for all of them


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a zone is asked about these addresses, and under which names. Made once."""

    zone: Zone
    addresses: tuple[str, ...]
    subjects: tuple[Subject, ...]
    names: Mapping[str, QueryName]


Asked = Mapping[str, tuple[Zone, tuple[Subject, ...]]]


class Sweep:
    """Through which nameservers, with which keys; and what was answered last."""

    def __init__(
        self, ways: Sequence[Way], *, keys: ZoneKeys = NO_KEYS, known: Iterable[ZoneReading] = ()
    ) -> None:
        """`ways`: one per nameserver, in order of preference (`sockets.ways`). `known`: the
        readings of before."""
        assert ways, "a sweep needs a nameserver"
        self.ways = tuple(ways)
        self._keys = keys
        self._known = {(one.zone, one.address): one for one in known}
        self._plans: dict[str, _Plan] = {}
        self._held: dict[tuple[str, str], datetime] = {}
        self._right: dict[tuple[str, int], datetime] = {}

    def askable(self, zone: Zone, addresses: Sequence[str]) -> bool:
        """Whether there is anything to ask it about."""
        return bool(self._plan(zone, addresses).subjects)

    def unanswered(self, zones: Iterable[Zone], addresses: Sequence[str]) -> str:
        """Why none of these zones told anything when it was asked last; empty when one did."""
        found = [self._known.get((zone.name, one)) for zone in zones for one in addresses]
        asked = [one for one in found if one is not None]
        is_silent = all(one.verdict is Verdict.UNKNOWN for one in asked)
        return asked[0].why if asked and is_silent else ""

    def held_until(self, zone: Zone, addresses: Sequence[str]) -> datetime | None:
        """When the first answer of this zone may be asked for again; None: at once."""
        asked = self._plan(zone, addresses).subjects
        ends = [self._held.get((zone.name, one.asked)) for one in asked]
        return min((end for end in ends if end is not None), default=None) if all(ends) else None

    async def once(
        self, due: Sequence[Zone], addresses: Sequence[str], *, number: int, now: datetime
    ) -> tuple[ZoneReading, ...]:
        """One reading per zone and address asked about, the zones in order; `number` is the
        round's. What is held by its TTL is not asked about.

        A zone whose sentinels are wrong through one nameserver is asked again, whole, through the
        next: a hit and the sentinels that vouch for it always come by the same way. When no way is
        right, the preferred nameserver's findings stand.
        """
        plan = {zone.name: (zone, self._subjects(zone, addresses, now=now)) for zone in due}
        plan = {name: one for name, one in plan.items() if one[1]}
        found: dict[str, _Found] = {}
        left: Asked = plan
        for way in range(len(self.ways)):
            for name, one in (await self._through(way, left, now=now)).items():
                if one.is_right or name not in found:
                    found[name] = one
            left = {name: one for name, one in left.items() if not found[name].is_right}
            if not left:
                break
        reasons = await self._reasons(plan, found)
        readings = tuple(
            ZoneReading(
                address=address,
                zone=name,
                verdict=finding.verdict,
                answers=finding.answers,
                sentinels=finding.sentinels,
                round=number,
                checked_at=now,
                why=finding.why,
                reason=reasons.get((name, subject.asked), ""),
            )
            for name, (_, asked) in plan.items()
            for subject, finding in zip(asked, found[name].findings, strict=True)
            for address in subject.addresses
        )
        self._remember(plan, found, now=now)
        self._known |= {(one.zone, one.address): one for one in readings}
        return readings

    def _plan(self, zone: Zone, addresses: Sequence[str]) -> _Plan:
        before = self._plans.get(zone.name)
        if before is not None and before.zone is zone and before.addresses == tuple(addresses):
            return before
        key = self._keys.of(zone)
        asked = subjects.of(zone, addresses, key=key)
        points = _points(zone) if asked else ()
        names = {
            ip: zones.query_name(zone, ip, key=key)
            for ip in (*points, *(one.asked for one in asked))
        }
        plan = self._plans[zone.name] = _Plan(zone, tuple(addresses), asked, names)
        return plan

    def _subjects(
        self, zone: Zone, addresses: Sequence[str], *, now: datetime
    ) -> tuple[Subject, ...]:
        known = self._plan(zone, addresses).subjects
        if not self._held:
            return known
        return tuple([one for one in known if not self._is_held(zone, one, now=now)])

    def _is_held(self, zone: Zone, subject: Subject, *, now: datetime) -> bool:
        """What would be held for longer than anything is was said before the clock was set back."""
        end = self._held.get((zone.name, subject.asked))
        return end is not None and now < end <= now + _held_max(zone)

    async def _through(self, way: int, asked: Asked, *, now: datetime) -> Mapping[str, _Found]:
        """The addresses of all these zones in one batch, with the sentinels of those nobody
        vouches for; then the sentinels of those that say anything but what they said before."""
        unvouched = {
            name: zone
            for name, (zone, _) in asked.items()
            if not self._is_vouched(zone, way, now=now)
        }
        questions = [(zone, one.asked) for zone, known in asked.values() for one in known]
        points = [(zone, point) for zone in unvouched.values() for point in _points(zone)]
        replies = await self._ask(way, [*questions, *points])
        said = dict(zip(((z.name, ip) for z, ip in questions), replies, strict=False))
        sane = dict(zip(((z.name, ip) for z, ip in points), replies[len(questions) :], strict=True))
        doubted = [
            (zone, point)
            for name, (zone, known) in asked.items()
            if name not in unvouched and any(self._is_news(zone, one, said) for one in known)
            for point in _points(zone)
        ]
        again = await self._ask(way, doubted)
        sane |= dict(zip(((z.name, ip) for z, ip in doubted), again, strict=True))
        found = {}
        for name, (zone, known) in asked.items():
            mine = tuple([said[name, one.asked] for one in known])
            findings = tuple([self._find(zone, reply, sane) for reply in mine])
            one = found[name] = _Found(way=way, findings=findings, replies=mine)
            self._vouch(zone, way, is_right=one.is_right, sane=sane, now=now)
        return found

    async def _ask(self, way: int, asked: Sequence[tuple[Zone, str]]) -> tuple[Reply, ...]:
        if not asked:
            return ()
        names = [self._plans[zone.name].names[ip] for zone, ip in asked]
        return await self.ways[way].ask(names)

    def _is_vouched(self, zone: Zone, way: int, *, now: datetime) -> bool:
        at = self._right.get((zone.name, way))
        return at is not None and timedelta(0) <= now - at < VOUCHED_FOR

    def _is_news(self, zone: Zone, subject: Subject, said: Mapping[tuple[str, str], Reply]) -> bool:
        """All but "still clear"."""
        reply = said[zone.name, subject.asked]
        is_absent = reply.is_nxdomain and not (reply.addresses or reply.problem)
        if not is_absent and zones.verdict(zone, reply) is not Verdict.CLEAR:
            return True
        before = self._known.get((zone.name, subject.asked))
        return before is None or before.verdict is not Verdict.CLEAR

    def _find(self, zone: Zone, reply: Reply, sane: Mapping[tuple[str, str], Reply]) -> Finding:
        positive = sane.get((zone.name, zone.sentinel_listed))
        negative = sane.get((zone.name, zone.sentinel_clear))
        if positive is None or negative is None:
            return replace(_KEPT_CLEAR, answers=reply.addresses) if reply.addresses else _KEPT_CLEAR
        return zones.assess(zone, reply, positive=positive, negative=negative)

    def _vouch(
        self,
        zone: Zone,
        way: int,
        *,
        is_right: bool,
        sane: Mapping[tuple[str, str], Reply],
        now: datetime,
    ) -> None:
        if not is_right:
            self._right.pop((zone.name, way), None)
        elif (zone.name, zone.sentinel_listed) in sane:
            self._right[zone.name, way] = now

    async def _reasons(
        self, plan: Asked, found: Mapping[str, _Found]
    ) -> Mapping[tuple[str, str], str]:
        """What the zones say of their listings: asked for once, and again when the codes change."""
        reasons: dict[tuple[str, str], str] = {}
        unsaid: dict[int, list[tuple[Zone, str]]] = {}
        for name, (zone, asked) in plan.items():
            for subject, finding in zip(asked, found[name].findings, strict=True):
                if finding.verdict is not Verdict.LISTED:
                    continue
                before = self._known.get((name, subject.asked))
                if before is not None and before.reason and before.answers == finding.answers:
                    reasons[name, subject.asked] = before.reason
                else:
                    unsaid.setdefault(found[name].way, []).append((zone, subject.asked))
        for way, wanted in unsaid.items():
            names = [self._plans[zone.name].names[ip] for zone, ip in wanted]
            for (zone, ip), reply in zip(
                wanted, await self.ways[way].ask_texts(names), strict=True
            ):
                # The key first: cut in two, it would be seen no more.
                reasons[zone.name, ip] = zones.harmless(self._keys.hidden(reply.text))
        return reasons

    def _remember(self, plan: Asked, found: Mapping[str, _Found], *, now: datetime) -> None:
        """How long each usable answer is not asked for again."""
        for name, (zone, asked) in plan.items():
            for subject, finding, reply in zip(
                asked, found[name].findings, found[name].replies, strict=True
            ):
                self._held.pop((name, subject.asked), None)
                if finding.verdict is not Verdict.UNKNOWN and reply.ttl_seconds:
                    held = min(timedelta(seconds=reply.ttl_seconds), _held_max(zone))
                    self._held[name, subject.asked] = now + held


def _held_max(zone: Zone) -> timedelta:
    return HELD_CRITICAL_MAX if zone.tier is Tier.CRITICAL else HELD_MAX


def _points(zone: Zone) -> tuple[str, str]:
    return zone.sentinel_listed, zone.sentinel_clear
