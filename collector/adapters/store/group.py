"""One group of facts in one transaction: raw statements, a handful of driver calls for all.

Decides nothing but what the journal's order needs: which facts are news, which are refused.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from collector.adapters.store import hellos, samples
from collector.adapters.store.heartbeats import Rows, gather, store
from collector.adapters.store.node_states import busy_above, states
from collector.core.heartbeat import Heartbeat, Hello
from collector.ports import Refused

log = structlog.get_logger(__name__)

# What the driver raises for a value it cannot hold: a whole number past 63 bits, half a surrogate.
ABSURD = (OverflowError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochBegun:
    node_id: str
    epoch: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """Writes nothing: its answer says that what came before it is committed."""


Fact = Heartbeat | Hello | EpochBegun | Settled


def write(
    facts: Sequence[Fact], *, journal: sqlite3.Connection, history: sqlite3.Connection
) -> list[Refused | None]:
    """One answer a fact. Raises sqlite3.Error and ABSURD with nothing written to the journal."""
    answers: list[Refused | None] = [None] * len(facts)
    journal.execute("BEGIN IMMEDIATE")
    try:
        for index, fact in enumerate(facts):
            if isinstance(fact, Hello):
                answers[index] = hellos.write(journal, fact)
            elif isinstance(fact, EpochBegun):
                begun = (fact.epoch, fact.at)
                answers[index] = hellos.begin_epoch(journal, fact.node_id, epoch=begun)
        beats = [(index, fact) for index, fact in enumerate(facts) if isinstance(fact, Heartbeat)]
        if beats:
            known = states(journal, {beat.node_id for _, beat in beats})
            rows = Rows(busy_above=busy_above(journal))
            for index, beat in beats:
                answers[index] = gather(beat, known, rows=rows)
            store(journal, rows)
            _remember(history, rows)
        journal.commit()
    except BaseException:
        journal.rollback()
        raise
    return answers


def _remember(history: sqlite3.Connection, rows: Rows) -> None:
    """Samples go first, and their loss loses charts: never a heartbeat."""
    try:
        history.execute("BEGIN IMMEDIATE")
        samples.INSERT.write(history, rows.samples)
        samples.MINUTES.write(history, rows.minutes)
        history.commit()
    except sqlite3.Error as error:
        history.rollback()
        log.warning("samples not written", rows=len(rows.samples), error=str(error))
