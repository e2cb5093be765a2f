"""The stores the contract is held against: the real one, and the journal in memory that the
simulation runs on. What the latter leaves out stands in `simulation.store.LEFT_OUT`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import cast

from collector.ports import Clock, Store
from tests.simulation.store import MemoryStore
from tests.store_bed import HandClock
from tests.store_bed import opened as opened_in_files

Opened = Callable[[Path, Clock], AbstractAsyncContextManager[Store]]


@asynccontextmanager
async def opened_in_memory(_folder: Path, clock: Clock) -> AsyncIterator[Store]:
    yield as_store(MemoryStore(clock))


@asynccontextmanager
async def opened_sqlite(folder: Path, clock: Clock) -> AsyncIterator[Store]:
    assert isinstance(clock, HandClock)
    async with opened_in_files(folder, clock) as found:
        yield found


def as_store(memory: MemoryStore) -> Store:
    """Floor 2 asks for the whole port; the views it never calls are left out."""
    return cast(Store, memory)


STORES: dict[str, Opened] = {"sqlite": opened_sqlite, "memory": opened_in_memory}
