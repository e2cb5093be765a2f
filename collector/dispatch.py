"""Carries out effects after their commit, each once by its key, and writes down what came of it."""

import anyio
import structlog
from anyio.abc import TaskGroup

from collector.ports import (
    Clock,
    Doorbell,
    PendingEffect,
    Resolver,
    Store,
    StoreError,
    Streams,
)

EFFECTS_AT_ONCE = 500
PACE_MAX_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Dispatch:
    """Looks and directives. A crash between doing and writing it down does it again: harmless."""

    def __init__(
        self,
        store: Store,
        *,
        resolver: Resolver,
        streams: Streams,
        clock: Clock,
        judged: Doorbell,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._streams = streams
        self._clock = clock
        self._judged = judged
        self._in_flight: set[str] = set()

    async def run(self, bell: Doorbell) -> None:
        """For ever. What an earlier process left undone is done first."""
        async with anyio.create_task_group() as tasks:
            while True:
                more = False
                try:
                    more = await self.once(tasks)
                except StoreError as error:
                    if not error.retryable:
                        raise
                    log.warning("effects wait for the journal", problem=str(error))
                bell.take()
                if not more:
                    await bell.wait(at_most=PACE_MAX_SECONDS)

    async def once(self, tasks: TaskGroup) -> bool:
        """Starts every pending effect that is not already under way. Whether more directives may
        wait behind these: a whole fleet told to be silent is told without a pause."""
        pending = await self._store.effects(limit=EFFECTS_AT_ONCE)
        directives = [one for one in pending if one.kind == "directive"]
        if directives:
            await self._send(directives)
        for effect in pending:
            if effect.kind == "look" and effect.key not in self._in_flight:
                self._in_flight.add(effect.key)
                tasks.start_soon(self._look, effect)
        return bool(directives) and len(pending) == EFFECTS_AT_ONCE

    async def _send(self, effects: list[PendingEffect]) -> None:
        """Only the newest directive of a node travels; a node that is away gets it at its Hello."""
        nodes = sorted({effect.node_id for effect in effects if effect.node_id})
        orders = await self._store.orders(nodes)
        sent = {node: self._streams.send(node, orders[node]) for node in nodes if node in orders}
        outcomes = {
            effect.key: "sent" if sent.get(effect.node_id or "") else "waits for the node's Hello"
            for effect in effects
        }
        await self._store.finish_effects(outcomes, at=self._clock.now())

    async def _look(self, effect: PendingEffect) -> None:
        zone, address = str(effect.payload["zone"]), str(effect.payload["address"])
        try:
            not_by = str(effect.payload.get("not_by", ""))
            look = await self._resolver.look(zone, address=address, not_by=not_by)
            await self._store.record_look(look)
            said = f"{look.verdict.value} {' '.join(look.answers)} {look.why}".strip()
            await self._store.finish_effects({effect.key: said}, at=self._clock.now())
            self._judged.ring(effect.node_id)
        except StoreError as error:
            log.warning("look not recorded, asking again", zone=zone, problem=str(error))
        finally:
            self._in_flight.discard(effect.key)
