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
_QUARANTINED = Finding(verdict=Verdict.UNKNOWN, answers=(), sentinels=Sentinels.WRONG, why="")


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
# By zone and address, a test point's too.
Said = dict[tuple[str, str], Reply]


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
        self._wrong: dict[tuple[str, int], str] = {}

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
        points = (zone.sentinel_listed, zone.sentinel_clear) if asked else ()
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
        vouches for; then the sentinels of those that say anything but what they said before.

        A zone in quarantine is asked for the sentinel that was wrong alone, and for the rest when
        it is right again: whoever says "too many questions" is not asked more of them.
        """
        probes = {name: point for name in asked if (point := self._wrong.get((name, way)))}
        said: Said = {}
        first = [(asked[name][0], point) for name, point in probes.items()]
        for name, (zone, known) in asked.items():
            if name not in probes:
                first += [(zone, one.asked) for one in known]
                first += [] if self._is_vouched(zone, way, now=now) else _points(zone)
        await self._ask(way, first, said)
        ill = {
            name: why
            for name, point in probes.items()
            if (why := zones.why_point_wrong(asked[name][0], point, reply=said[name, point]))
        }
        then = []
        for name, (zone, known) in asked.items():
            if name in probes and name not in ill:
                then += [*((zone, one.asked) for one in known), *_points(zone)]
            elif name not in probes and any(self._is_news(zone, one, said) for one in known):
                then += _points(zone)
        await self._ask(way, [one for one in then if (one[0].name, one[1]) not in said], said)
        return {
            name: _quarantined(known, way=way, why=ill[name])
            if name in ill
            else self._found(zone, known, said, way=way, now=now)
            for name, (zone, known) in asked.items()
        }

    async def _ask(self, way: int, asked: Sequence[tuple[Zone, str]], said: Said) -> None:
        """The replies are added to `said`."""
        if asked:
            names = [self._plans[zone.name].names[ip] for zone, ip in asked]
            replies = await self.ways[way].ask(names)
            said |= zip([(zone.name, ip) for zone, ip in asked], replies, strict=True)

    def _is_vouched(self, zone: Zone, way: int, *, now: datetime) -> bool:
        at = self._right.get((zone.name, way))
        return at is not None and timedelta(0) <= now - at < VOUCHED_FOR

    def _is_news(self, zone: Zone, subject: Subject, said: Said) -> bool:
        """All but "still clear"."""
        reply = said[zone.name, subject.asked]
        is_absent = reply.is_nxdomain and not (reply.addresses or reply.problem)
        if not is_absent and zones.verdict(zone, reply) is not Verdict.CLEAR:
            return True
        before = self._known.get((zone.name, subject.asked))
        return before is None or before.verdict is not Verdict.CLEAR

    def _found(
        self, zone: Zone, known: Sequence[Subject], said: Said, *, way: int, now: datetime
    ) -> _Found:
        replies = tuple([said[zone.name, one.asked] for one in known])
        positive = said.get((zone.name, zone.sentinel_listed))
        negative = said.get((zone.name, zone.sentinel_clear))
        if positive is None or negative is None:
            findings = tuple([_kept_clear(reply) for reply in replies])
            return _Found(way=way, findings=findings, replies=replies)
        findings = tuple(
            [zones.assess(zone, one, positive=positive, negative=negative) for one in replies]
        )
        found = _Found(way=way, findings=findings, replies=replies)
        self._vouch(zone, way, is_right=found.is_right, positive=positive, now=now)
        return found

    def _vouch(
        self, zone: Zone, way: int, *, is_right: bool, positive: Reply, now: datetime
    ) -> None:
        if is_right:
            self._right[zone.name, way] = now
            self._wrong.pop((zone.name, way), None)
        else:
            self._right.pop((zone.name, way), None)
            point = zone.sentinel_listed
            is_other = not zones.why_point_wrong(zone, point, reply=positive)
            self._wrong[zone.name, way] = zone.sentinel_clear if is_other else point

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


def _quarantined(known: Sequence[Subject], *, way: int, why: str) -> _Found:
    """Still so, and not asked about anything."""
    findings = (replace(_QUARANTINED, why=why),) * len(known)
    return _Found(way=way, findings=findings, replies=(Reply(),) * len(known))


def _kept_clear(reply: Reply) -> Finding:
    return replace(_KEPT_CLEAR, answers=reply.addresses) if reply.addresses else _KEPT_CLEAR


def _points(zone: Zone) -> list[tuple[Zone, str]]:
    return [(zone, zone.sentinel_listed), (zone, zone.sentinel_clear)]
