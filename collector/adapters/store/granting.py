"""Grants: kept once by their key, and only while every address of them may send.

The hot path: three plain statements of the driver.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from collector.adapters.store import encode, senders
from collector.adapters.store.moments import from_ms, to_ms
from collector.core import capacity
from collector.core.capacity import DomainUse
from collector.core.ledger import Key
from collector.core.rates import DAY_SECONDS, HOUR_SECONDS
from collector.core.warmup_plan import CAREFUL
from collector.ports_rotation import Grant, GrantDraft, Kept
from deliverability.ladders import LADDERS

DAY_MS, HOUR_MS = DAY_SECONDS * 1000, HOUR_SECONDS * 1000

COLUMNS = "key, pool_id, receiver, asked, at, expires_at, body, domain"
OPEN = text(
    f"""SELECT {COLUMNS} FROM grants WHERE pool_id = :pool AND expires_at > :since
 ORDER BY at, key"""  # noqa: S608  # our own words
)
# The pool's revision, whether all sending is stopped, and the grant of that key if there is one.
BEFORE = f"""SELECT coalesce((SELECT max(revision) FROM rotations WHERE pool_id = ?), 0),
 EXISTS (SELECT 1 FROM meta WHERE meta.key = 'sending_stopped' AND value = 'on'), {COLUMNS}
 FROM (SELECT 1) LEFT JOIN grants ON key = ?"""  # noqa: S608
KEEP = """INSERT INTO grants (key, pool_id, receiver, asked, messages, at, expires_at, body, domain)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
PLAN = "SELECT ladder, stage FROM warmups WHERE kind = 'domain' AND subject = ? AND node_id = ''"
# Of a domain since the day began: in all, in the hour, and for one receiver.
USED = """SELECT coalesce(sum(messages), 0), coalesce(sum(iif(at >= ?, messages, 0)), 0),
 coalesce(sum(iif(receiver = ?, messages, 0)), 0)
 FROM grants WHERE domain = ? AND domain <> '' AND at >= ?"""
# What the rotation's revision cannot know yet: a person's pause, and what the node obeys. A pause
# of any of its addresses silences the node; one of a receiver is a revision by itself.
FIT = """SELECT a.node_id, a.ip FROM json_each(?) k
 JOIN addresses a ON a.node_id = k.value ->> 0 AND a.ip = k.value ->> 1
  AND a.in_rotation = 1 AND a.is_present = 1
 JOIN nodes n ON n.id = a.node_id AND n.lifecycle IN ('warming', 'active')
 JOIN node_states t ON t.node_id = a.node_id AND t.convergence = 'verified'
 JOIN orders o ON o.node_id = a.node_id AND o.term = t.obeyed_term
  AND o.revision = t.obeyed_revision
 WHERE NOT EXISTS (SELECT 1 FROM pauses p WHERE p.node_id = a.node_id AND p.closed_at IS NULL
  AND p.receiver = '')"""


def keep(journal: sqlite3.Connection, draft: GrantDraft) -> Kept:
    """The earlier grant when the key was used before, whatever it was for."""
    asked = (draft.pool_id, draft.key)
    ((revision, is_stopped, *known),) = journal.execute(BEFORE, asked)
    if known[0] is not None:
        return Kept(grant=grant_of(known))
    if revision != draft.revision:
        return Kept(is_stale=True)
    if not draft.to:
        return Kept()
    if is_stopped:
        return Kept(is_stale=True)
    messages = sum(count for _, count in draft.to)
    use = domain_use(journal, draft.domain, receiver=draft.receiver, at=draft.at)
    if use is not None and capacity.room(use)[0] < messages:
        return Kept(is_stale=True)
    unfit = _unfit(journal, draft)
    if unfit:
        return Kept(unfit=unfit)
    body = encode.text([(*key, count) for key, count in draft.to])
    wish = (draft.key, draft.pool_id, draft.receiver, draft.asked)
    span = (to_ms(draft.at), to_ms(draft.expires_at))
    journal.execute(KEEP, (*wish, messages, *span, body, draft.domain))
    return Kept(grant=draft.kept, is_new=True)


def domain_use(
    journal: sqlite3.Connection, domain: str, *, receiver: str, at: datetime
) -> DomainUse | None:
    """None: it has no plan, or no cap any more."""
    plan = journal.execute(PLAN, (domain,)).fetchone() if domain else None
    if plan is None:
        return None
    stages = LADDERS.get(plan[0], CAREFUL).stages
    if plan[1] >= len(stages):
        return None
    day, hour = (to_ms(at) // span * span for span in (DAY_MS, HOUR_MS))
    ((of_day, of_hour, there),) = journal.execute(USED, (hour, receiver, domain, day))
    told = [
        senders.left(senders.counted_plainly(journal, domain, span=span, at=at))
        for span in (DAY_SECONDS, HOUR_SECONDS)
    ]
    return DomainUse(
        stages[plan[1]], day=max(of_day, told[0]), hour=max(of_hour, told[1]), receiver=there
    )


def _unfit(journal: sqlite3.Connection, draft: GrantDraft) -> tuple[tuple[Key, str], ...]:
    keys = [key for key, _ in draft.to]
    fit = set(journal.execute(FIT, (encode.text(keys),)))
    return tuple((key, "paused or not in step just now") for key in keys if key not in fit)


def open_ones(connection: Connection, pool_id: str, *, since: int) -> list[Grant]:
    rows = connection.execute(OPEN, {"pool": pool_id, "since": since})
    return [grant_of(tuple(row)) for row in rows]


def grant_of(row: Sequence[Any]) -> Grant:
    """Of the columns in COLUMNS."""
    key, pool_id, receiver, asked, at, expires_at, body, domain = row
    to: tuple[tuple[Key, int], ...] = tuple(
        ((node_id, ip), count) for node_id, ip, count in encode.value(body)
    )
    return Grant(
        key=key,
        pool_id=pool_id,
        receiver=receiver,
        asked=asked,
        at=from_ms(at),
        expires_at=from_ms(expires_at),
        to=to,
        domain=domain,
    )
