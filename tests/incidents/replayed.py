"""What an incident's fleet decided, put into a real journal and replayed from it."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from collector.adapters import store
from collector.core.judgement import Judgement
from collector.operate import replay
from collector.operate.desk import Desk
from tests.simulation.fleet import Fleet
from tests.store_bed import HandClock, entry


async def empty(folder: Path) -> Path:
    """A journal with its tables, to begin others with: to make them takes longest."""
    await (await store.open(folder, HandClock())).close()
    return folder / "journal.db"


async def outcomes(fleet: Fleet, folder: Path, *, template: Path) -> list[dict[str, Any]]:
    """Of every decision that the core made, in their order."""
    shutil.copy(template, folder / "journal.db")
    journal = await store.open(folder, HandClock())
    try:
        revision = 1 + (await journal.policy()).revision
        await journal.set_policy(replace(fleet.policy, revision=revision), entry("policy set"))
        # A replay asks for nothing but the journal.
        desk = cast(Desk, SimpleNamespace(store=journal))
        return [
            await replay.read(desk, id_)
            for made in judged(fleet, revision=revision)
            for id_ in await journal.commit(made)
        ]
    finally:
        await journal.close()


def judged(fleet: Fleet, *, revision: int) -> list[Judgement]:
    """Under the policy of this revision: the decisions alone, as they were committed together; not
    what a person decided."""
    batches: dict[str, Judgement] = {}
    for row in fleet.memory.tables.decisions.values():
        if row.inputs is None:
            continue
        before, made = batches.get(row.batch), replace(row.decision, policy_revision=revision)
        batches[row.batch] = Judgement(
            at=row.decision.at,
            term=row.term,
            decisions=(*(before.decisions if before else ()), made),
            inputs=(*(before.inputs if before else ()), row.inputs),
        )
    return list(batches.values())
