"""A client of a real helper, and waiting for what it sees; for tests."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.model import PostfixObserved
from agent.postfix.client import PostfixClient
from tests import postfix_bed
from tests.postfix_bed import PostfixBed

STEP = 0.05
SIGHTS_MAX = 400


@contextmanager
def client(bed: PostfixBed) -> Iterator[PostfixClient]:
    """A client of a helper for this bed."""
    path = bed.directory / "helper.sock"
    with postfix_bed.helper(bed.config, path):
        found = PostfixClient(path)
        try:
            yield found
        finally:
            found.close()


async def closed(helper: PostfixClient) -> PostfixObserved:
    """What was seen once Postfix is closed; it must be so within a few seconds."""
    return await seen(helper, lambda observed: observed.is_closed)


async def loaded(helper: PostfixClient) -> PostfixObserved:
    return await seen(helper, lambda observed: observed.is_loaded)


async def seen(
    helper: PostfixClient, condition: Callable[[PostfixObserved], bool]
) -> PostfixObserved:
    observed = await helper.observe()
    for _ in range(SIGHTS_MAX):
        if condition(observed):
            return observed
        await asyncio.sleep(STEP)
        observed = await helper.observe()
    raise AssertionError(observed)
