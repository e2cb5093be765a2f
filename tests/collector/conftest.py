"""A journal of its own for a test that asks for one, under a clock it sets by hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.adapters.store import SqlStore
from tests.store_bed import HandClock, opened


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqlStore]:
    async with opened(tmp_path, clock) as found:
        yield found
