"""A process that writes heartbeats and says which were acknowledged, until it is killed."""

import asyncio
import os
import sys
from pathlib import Path

from tests.store_bed import beat, cell, enrol, ip, opened, pool_of

SEQUENCE_MAX = 2_000


async def main(folder: Path, nodes: int) -> None:
    async with opened(folder) as journal:
        await enrol(journal, range(1, nodes + 1), await pool_of(journal))

        async def node(number: int) -> None:
            for sequence in range(1, SEQUENCE_MAX):
                counted = cell(ip(number), "gmail", sent=10 * sequence, deferred=sequence)
                await journal.record(beat(number, sequence, cells=[counted]))
                os.write(1, f"{number} {sequence}\n".encode())

        await asyncio.gather(*(node(number) for number in range(1, nodes + 1)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
