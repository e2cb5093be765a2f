"""The collector's term: taken at start, and anew when a node has seen a higher one.

Orders are compared by (term, revision); a term that somebody else may have used before us would
let an old order stand above a new one. Judges nothing.
"""

import anyio
import structlog

from collector.ports import Clock, Refused, ReignStore

# Each start of the collector takes one. A node that has seen a million more than we have is not
# the witness of a later self of ours: believed, it could carry the fleet past the wire's bounds.
TERMS_AHEAD_MAX = 1_000_000

log = structlog.get_logger(__name__)


class Reign:
    """`begin` before the first stream is let in."""

    def __init__(self, *, store: ReignStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._term = 0
        self._told: set[str] = set()
        self._taking = anyio.Lock()

    @property
    def term(self) -> int:
        assert self._term > 0, "no term was taken"
        return self._term

    async def begin(self) -> int:
        """A new term for this start of the collector, durable before it is used."""
        return await self._take(at_least=0)

    async def see(self, node_id: str, term_highest: int) -> int:
        """A node said Hello and has seen this term. The term to greet it with.

        A node that we told our term may say it back. From any other, a term not below ours was
        given by another reign (the journal was restored), and we take a higher one.
        Refused: ABSURD.
        """
        if term_highest - self.term > TERMS_AHEAD_MAX:
            raise Refused("ABSURD", f"term {term_highest} is far above our {self.term}")
        while term_highest > self.term or (term_highest == self.term and node_id not in self._told):
            async with self._taking:
                if term_highest >= self.term:
                    await self._take(at_least=term_highest)
        self._told.add(node_id)
        return self.term

    async def _take(self, *, at_least: int) -> int:
        self._term = await self._store.begin_term(at_least=at_least, at=self._clock.now())
        self._told.clear()
        log.info("term begun", term=self._term, seen=at_least)
        return self._term
