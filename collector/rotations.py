"""Who may send now: grants given from a ledger a pool, kept in the journal before they are told;
shares that follow what happened; and word of every new revision to whoever watches.

One grant of a pool at a time: what is given and what is kept are never apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import anyio
import structlog

from collector.core import capacity, rotation
from collector.core.ledger import Given, Key, Ledger, Wanted
from collector.core.policy import Policy
from collector.core.rotation import Member, Rotation, Strategy
from collector.ports import Clock, Refused, StoreError
from collector.ports_rotation import Answer, Grant, GrantDraft, RotationStore

# What was sent is asked anew this often, and at once when the rotation's revision has changed.
REFRESH_SECONDS = 60.0
TRIES = 4
SHARES_SECONDS = 15.0
WATCHERS_MAX = 200
WATCH_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Book:
    ledger: Ledger
    # Nobody waits for a lock that is free: a turn of the loop is a tenth of a grant.
    lock: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    seen: Rotation | None = None
    members: dict[Key, Member] = field(default_factory=dict)
    refreshed_at: float = 0.0


class Rotations:
    """The pools' ledgers. `changed` may be called by whoever committed a change."""

    def __init__(self, store: RotationStore, *, clock: Clock, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._books: dict[str, _Book] = {}
        self._ids: dict[str, str] = {}
        self._shared: dict[str, tuple[int, float]] = {}
        self._news = anyio.Event()
        self._watchers = 0

    async def pool_id(self, pool: str) -> str:
        """Asked once: a pool keeps its id and its name. Refused POOL_UNKNOWN."""
        if pool not in self._ids:
            self._ids[pool] = await self._store.pool_id(pool)
        return self._ids[pool]

    async def grant(self, pool_id: str, asked: Wanted, *, key: str) -> Answer:
        """Refused GRANT_KEY_USED, GRANT_BUSY: the rotation changed faster than we could keep it."""
        book = self._books.setdefault(pool_id, _Book(ledger=Ledger(self._policy())))
        async with book.lock:
            try:
                return await self._grant(book, pool_id, asked=asked, key=key)
            except StoreError:
                # Nothing was kept, or we cannot know: the journal is asked anew.
                book.ledger, book.seen = Ledger(self._policy()), None
                raise

    async def wait(self, pool_id: str, *, after: int, seconds: float) -> None:
        """Until the pool's revision is past `after`, at most so long; not at all when too many
        wait already."""
        if self._watchers >= WATCHERS_MAX:
            return
        self._watchers += 1
        try:
            with anyio.move_on_after(seconds):
                while True:
                    # Taken before the look: what changes in between is not missed.
                    news = self._news
                    if (await self._store.revisions()).get(pool_id, 0) > after:
                        return
                    with anyio.move_on_after(WATCH_SECONDS):
                        await news.wait()
        finally:
            self._watchers -= 1

    def changed(self) -> None:
        """Some pool has a new revision."""
        self._news.set()
        self._news = anyio.Event()

    async def run(self) -> None:
        """For ever: shares follow what was sent, at their own pace."""
        while True:
            try:
                await self.share()
            except StoreError as error:
                if not error.retryable:
                    raise
                log.warning("shares not set, trying again", problem=str(error))
            await anyio.sleep(SHARES_SECONDS)

    async def share(self) -> int:
        """One look at every pool whose shares are weighed; how many shares moved."""
        moved, policy, now = 0, self._policy(), self._clock.monotonic()
        for pool_id, (revision, strategy) in sorted((await self._store.strategies()).items()):
            known, at = self._shared.get(pool_id, (-1, 0.0))
            is_due = now - at >= policy.share_every.total_seconds()
            if strategy is Strategy.ROUND_ROBIN or (known == revision and not is_due):
                continue
            seen = await self._store.rotation(pool_id)
            shares = rotation.shares(seen, policy)
            await self._store.set_shares(pool_id, shares, at=self._clock.now())
            self._shared[pool_id] = (seen.revision + bool(shares), now)
            moved += len(shares)
        if moved:
            self.changed()
        return moved

    async def _grant(self, book: _Book, pool_id: str, *, asked: Wanted, key: str) -> Answer:
        for attempt in range(TRIES):
            seen = await self._fresh(book, pool_id, at_once=attempt > 0)
            now = self._clock.now()
            given = await self._given(book, asked, now=now)
            draft = GrantDraft(
                key=key,
                pool_id=pool_id,
                revision=seen.revision,
                receiver=asked.receiver,
                asked=asked.messages,
                at=now,
                expires_at=asked.expires_at,
                to=given.to,
                domain=asked.domain,
            )
            # Whoever asked may go: what was begun is finished, and its outcome known.
            with anyio.CancelScope(shield=True):
                kept = await self._store.keep_grant(draft)
            if not kept.is_new and given.to:
                book.ledger.take_back(given, asked, unfit=kept.unfit)
            _check_same(kept.grant, draft)
            if kept.grant is not None or (not given.to and not kept.is_stale):
                return self._answer(book, seen, kept.grant, given=given, now=now)
        text = "the rotation changed while the grant was being kept"
        raise Refused("GRANT_BUSY", text, remedy="ask again")

    async def _given(self, book: _Book, asked: Wanted, *, now: datetime) -> Given:
        """What the ledger gives, of what the sending domain's caps leave."""
        use = None
        if asked.domain:
            use = await self._store.domain_use(asked.domain, receiver=asked.receiver, at=now)
        if use is None:
            return book.ledger.give(asked, now=now)
        room, why = capacity.room(use)
        if not room:
            return Given(to=(), held=((why, 1),))
        given = book.ledger.give(replace(asked, messages=min(room, asked.messages)), now=now)
        return replace(given, held=(*given.held, (why, 1))) if room < asked.messages else given

    async def _fresh(self, book: _Book, pool_id: str, *, at_once: bool) -> Rotation:
        """The rotation as the ledger knows it. What an earlier process granted is counted too."""
        now = self._clock.monotonic()
        if book.seen is not None and not at_once and now - book.refreshed_at < REFRESH_SECONDS:
            return book.seen
        seen = await self._store.rotation(pool_id)
        wall, is_first = self._clock.now(), book.seen is None
        book.ledger.policy = self._policy()
        book.ledger.refresh(seen, now=wall)
        if is_first:
            since = wall - self._policy().grant_report_lag
            for grant in await self._store.grants(pool_id, since=since):
                for key, count in grant.to:
                    of_key = Wanted(
                        messages=count, receiver=grant.receiver, expires_at=grant.expires_at
                    )
                    book.ledger.restore(key, of_key, now=wall)
        book.seen, book.refreshed_at = seen, now
        book.members = {one.key: one for one in seen.members}
        return seen

    def _answer(
        self, book: _Book, seen: Rotation, grant: Grant | None, *, given: Given, now: datetime
    ) -> Answer:
        return Answer(
            pool=seen.pool,
            revision=seen.revision,
            grant=grant,
            names=book.members,
            held=given.held,
            retry_at=None if grant is not None else _retry_at(given, now=now),
        )


def _check_same(grant: Grant | None, draft: GrantDraft) -> None:
    """Refused GRANT_KEY_USED: the key was used for another wish."""
    if grant is None:
        return
    before = (grant.pool_id, grant.receiver, grant.asked, grant.domain)
    if before != (draft.pool_id, draft.receiver, draft.asked, draft.domain):
        text = f"the key {draft.key} was used for {grant.asked} messages for {grant.receiver}"
        raise Refused("GRANT_KEY_USED", text, remedy="ask with a key of its own")


def _retry_at(given: Given, *, now: datetime) -> datetime:
    """When room may come: with the next hour, or with the next day when only that is missing."""
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    by_day = {why for why, _ in given.held if "day's cap" in why}
    return day if by_day and len(by_day) == len(given.held) else hour
