"""Peers refused, written to the audit log at a bounded pace: a flood must not become a flood."""

from collections import OrderedDict

import structlog

from collector.ports import Actor, AuditEntry, Clock, IdentityStore, Refused, StoreError

# One entry a minute for each (subject, code), and so many a minute in all.
REPEAT_SECONDS = 60.0
PER_MINUTE_MAX = 60
REMEMBERED_MAX = 4096

log = structlog.get_logger(__name__)


class Rejections:
    """What was not written is counted in the next entry of the same kind."""

    def __init__(self, *, store: IdentityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._minute = 0.0
        self._written = 0

    async def note(self, refused: Refused, *, subject: str, origin: str) -> None:
        """`subject`: a node's id, or "" for somebody unknown; `origin`: where it spoke from."""
        suppressed = self._permit((subject or origin, refused.code))
        if suppressed is None:
            return
        log.warning("refused", node=subject, origin=origin, code=refused.code, why=str(refused))
        entry = AuditEntry(
            actor=Actor(name=f"node {subject}" if subject else "unknown", origin=origin),
            action="refused",
            subject=subject or origin,
            after={"code": refused.code, "text": str(refused), "suppressed_before": suppressed},
            at=self._clock.now(),
        )
        try:
            await self._store.add_audit(entry)
        except StoreError as error:
            log.warning("refusal not audited", node=subject, problem=str(error))

    def _permit(self, kind: tuple[str, str]) -> int | None:
        """How many of this kind were not written since the last one; None: nor is this one."""
        now = self._clock.monotonic()
        if now - self._minute >= REPEAT_SECONDS:
            self._minute, self._written = now, 0
        at, suppressed = self._kinds.get(kind, (-REPEAT_SECONDS, 0))
        if now - at < REPEAT_SECONDS or self._written >= PER_MINUTE_MAX:
            self._remember(kind, at=at, suppressed=suppressed + 1)
            return None
        self._written += 1
        self._remember(kind, at=now, suppressed=0)
        return suppressed

    def _remember(self, kind: tuple[str, str], *, at: float, suppressed: int) -> None:
        self._kinds[kind] = (at, suppressed)
        self._kinds.move_to_end(kind)
        while len(self._kinds) > REMEMBERED_MAX:
            self._kinds.popitem(last=False)
