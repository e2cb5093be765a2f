"""What the contract asks to see of the journal in memory. Of the views for people only these."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import islice

from collector.core.policy import Policy
from tests.simulation import snapshot_store
from tests.simulation.journal import DecisionRow, Journal

Row = Mapping[str, object]


def nodes(journal: Journal, *, node: str | None) -> list[Row]:
    """Those named so, or of this id or address; all without one."""
    found: list[Row] = []
    for row in sorted(journal.nodes.values(), key=lambda row: row.name):
        addresses = [one.ip for one in journal.addresses_of(row.id)]
        if node is None or node in (row.id, row.name, *addresses):
            latest = row.latest
            found.append(
                {
                    "id": row.id,
                    "name": row.name,
                    "agent_version": row.agent_version,
                    "last_heartbeat": iso(row.last_heartbeat),
                    "latest": {} if latest is None else _latest(latest),
                    "totals": _totals(journal, row.id, epoch=row.epoch),
                }
            )
    return found


def _latest(beat: object) -> Row:
    parts = {name: getattr(beat, name) for name in ("host", "queue")}
    return {
        name: {item.name: getattr(part, item.name) for item in fields(part)}
        for name, part in parts.items()
        if part is not None
    }


def _totals(journal: Journal, node_id: str, *, epoch: str) -> list[Row]:
    cells = journal.totals.get((node_id, epoch), {})
    return [
        {
            "address": address,
            "receiver": receiver,
            "instance": instance,
            "attempts": {outcome.value: count for outcome, count in cell.attempts if count},
        }
        for (address, receiver, instance), cell in sorted(cells.items())
    ]


def pools(journal: Journal, *, now: datetime) -> list[Row]:
    return [
        {
            "id": pool.id,
            "name": pool.name,
            "automation": pool.automation.value,
            "addresses": pool.addresses,
            "in_rotation": pool.in_rotation,
            "baseline": pool.baseline,
            "rotation_revision": len(journal.pools[pool.id].rotations),
        }
        for pool in snapshot_store.pools_of(journal, now=now).values()
    ]


def alerts(journal: Journal, *, open_only: bool, node_id: str | None) -> list[Row]:
    standing = [(one, None) for one in journal.alerts.values()]
    over = [] if open_only else journal.resolved
    return [
        {"key": one.key, "text": one.text, "resolved_at": iso(resolved_at)}
        for one, resolved_at in (*standing, *over)
        if node_id in (None, one.node_id)
    ]


def timeline(journal: Journal, *, after: int, limit: int, node_id: str | None) -> list[Row]:
    """A negative `after`: so many rows before the end."""
    numbered = [(seq, line) for seq, line in enumerate(journal.timeline, 1)]
    mine = [(seq, line) for seq, line in numbered if node_id in (None, line.node_id)]
    chosen = mine[after:] if after < 0 else [one for one in mine if one[0] > after]
    return [
        {
            "seq": seq,
            "at": iso(line.at),
            "kind": line.kind,
            "node_id": line.node_id,
            "severity": line.severity,
            "text": line.text,
            "details": dict(line.details),
        }
        for seq, line in chosen[:limit]
    ]


def decisions(journal: Journal, subject: str, *, limit: int) -> list[Row]:
    """Newest first."""
    found = (
        row for row in reversed(journal.decisions.values()) if _is_about(journal, row, subject)
    )
    return [_decision(journal, row) for row in islice(found, limit)]


def _is_about(journal: Journal, row: DecisionRow, subject: str) -> bool:
    of = row.decision.proposal.subject
    return subject in (row.id, of.node_id, of.address, journal.nodes[of.node_id].name)


def _decision(journal: Journal, row: DecisionRow) -> Row:
    made, proposal = row.decision, row.decision.proposal
    return {
        "id": row.id,
        "at": iso(made.at),
        "fate": made.fate.value,
        "brake": made.brake.value if made.brake else None,
        "kind": proposal.kind.value,
        "reason": proposal.reason.value,
        "rule": proposal.rule,
        "evidence": _plain(proposal.evidence),
        "thresholds": _thresholds(journal, made.policy_revision),
        "effects": list(_effects(journal, row)),
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _thresholds(journal: Journal, revision: int) -> Row:
    policy = next((one for one in journal.policies if one.revision == revision), Policy())
    values = {item.name: getattr(policy, item.name) for item in fields(policy)}
    return {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in values.items()
    }


def _effects(journal: Journal, row: DecisionRow) -> Iterator[Row]:
    """Of its batch, about its node."""
    for effect in journal.effects.values():
        mine = effect.pending.node_id == row.decision.proposal.subject.node_id
        if effect.batch == row.batch and mine:
            is_done = effect.finished_at is not None
            yield {
                "key": effect.pending.key,
                "kind": effect.pending.kind,
                "state": "done" if is_done else "pending",
                "outcome": effect.outcome,
                "at": iso(effect.finished_at),
            }


def iso(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
