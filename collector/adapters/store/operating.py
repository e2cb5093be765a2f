"""An operator's word about a node: pauses a person opens and closes, with a decision to show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, select

from collector.adapters.store import denials, outcomes, readings, rotation, verdicts
from collector.adapters.store.database import Part
from collector.adapters.store.judgements import known_node
from collector.adapters.store.moments import to_ms
from collector.adapters.store.reign import read_policy, read_term
from collector.adapters.store.schema import addresses
from collector.adapters.store.schema_acts import listings, pauses
from collector.adapters.store.timeline import audited, new_id
from collector.core.judgement import Judgement
from collector.core.model import Decision, Fate, Kind, Proposal, Reason, Subject
from collector.ports import AuditEntry, OperatorPause, Refused

LIFTED = (Reason.OPERATOR.value, Reason.RESTORED.value)


class Operating(Part):
    async def operator_pause(self, wish: OperatorPause, entry: AuditEntry) -> None:
        """Resuming a whole node closes what stands on its addresses too.

        Refused: NODE_UNKNOWN, ADDRESS_UNKNOWN; NOTHING_TO_RESUME when no pause of a person's (or,
        with `override`, no listing) stands.
        """

        def job(connection: Connection) -> None:
            subject = _subject(connection, wish)
            act = _Act(connection, wish, entry, subject)
            if wish.pausing:
                act.pause()
            else:
                act.resume()
            audited(connection, entry, node_id=wish.node_id)

        await self._database.write(job)


def _subject(connection: Connection, wish: OperatorPause) -> Subject:
    pool_id = known_node(connection, wish.node_id)
    if wish.address is not None:
        mine = select(addresses.c.ip).where(
            addresses.c.node_id == wish.node_id, addresses.c.ip == wish.address
        )
        if connection.scalar(mine) is None:
            raise Refused("ADDRESS_UNKNOWN", f"{wish.node_id} has no address {wish.address}")
    return Subject(node_id=wish.node_id, address=wish.address, pool_id=pool_id)


@dataclass(frozen=True, slots=True)
class _Act:
    connection: Connection
    wish: OperatorPause
    entry: AuditEntry
    subject: Subject

    def pause(self) -> None:
        (id_,) = self._decide(self._decision(Kind.PAUSE, Reason.OPERATOR, self.subject))
        outcomes.put_pause(
            self.connection,
            {
                "id": new_id(),
                "node_id": self.subject.node_id,
                "address": self.subject.address or "",
                "reason": Reason.OPERATOR.value,
                "owner": self.entry.actor.name,
                "note": self.wish.note,
                "decision_id": id_,
                "opened_at": to_ms(self.entry.at),
            },
        )

    def resume(self) -> None:
        standing = self._open(pauses)
        closing = [row for row in standing if row.reason in LIFTED]
        held = [row for row in standing if self.wish.override and row not in closing]
        denied = self._denied(held) if self.wish.override else []
        if not closing and not denied:
            raise Refused("NOTHING_TO_RESUME", "no pause of an operator or a restore stands there")
        by, at = self.entry.actor.name, to_ms(self.entry.at)
        ids = [row.id for row in (*closing, *held)]
        outcomes.close_pauses(self.connection, ids, at=at, by=by)
        for pool_id in sorted(rotation.narrowed(self.connection, ids)):
            rotation.revise(self.connection, pool_id, at=at)
        lifted = sorted({f"{row.reason} {row.address}".strip() for row in (*closing, *held)})
        said = [(self._about(reason, one.address), reason, one) for reason, one in denied]
        refused = [
            self._decision(Kind.PAUSE, reason, one, about=about) for about, reason, one in said
        ]
        resumed = self._decision(Kind.RESUME, Reason.OPERATOR, self.subject, lifted=lifted)
        _, *no_ids = self._decide(resumed, *refused)
        for (about, _, _), decision, id_ in zip(said, refused, no_ids, strict=True):
            denials.put(self.connection, decision, decision_id=id_, about=about)

    def _about(self, reason: Reason, address: str | None) -> list[str]:
        """Which causes stand now, as the rules name them: others are not denied."""
        if reason is Reason.LISTED:
            return [row.id for row in self._listed() if row.address == address]
        if reason is Reason.STANDING_ORDER:
            known = readings.read(self.connection, [self.subject.node_id])
            said = known.get(self.subject.node_id, {}).get("standing")
            return [said.since.isoformat()] if said else []
        return []

    def _listed(self) -> list[Row[Any]]:
        """A configuration fault pauses nobody, so there is nothing to say no to."""
        return [row for row in self._open(listings) if row.consequence == "pause"]

    def _denied(self, held: Sequence[Row[Any]]) -> list[tuple[Reason, Subject]]:
        """What a person says no to: what automation paused, and listed addresses not paused."""
        said = {(row.reason, row.address, row.receiver) for row in held}
        said |= {(Reason.LISTED.value, row.address, "") for row in self._listed()}
        node_id, pool_id = self.subject.node_id, self.subject.pool_id
        return [
            (
                Reason(reason),
                Subject(
                    node_id=node_id,
                    address=address or None,
                    pool_id=pool_id,
                    receiver=receiver or None,
                ),
            )
            for reason, address, receiver in sorted(said)
        ]

    def _open(self, table: Table) -> list[Row[Any]]:
        conditions: list[ColumnElement[bool]] = [
            table.c.node_id == self.subject.node_id,
            table.c.closed_at.is_(None),
        ]
        if self.subject.address is not None:
            conditions.append(table.c.address == self.subject.address)
        return list(self.connection.execute(select(table).where(*conditions).order_by(table.c.id)))

    def _decision(
        self, kind: Kind, reason: Reason, subject: Subject, **evidence: object
    ) -> Decision:
        """A person's own is made; one on an automatic reason is a no to it."""
        return Decision(
            proposal=Proposal(
                kind=kind,
                subject=subject,
                reason=reason,
                rule="operator",
                evidence={
                    "who": self.entry.actor.name,
                    "from": self.entry.actor.origin,
                    "why": self.wish.note,
                    **evidence,
                },
            ),
            fate=Fate.MADE if reason is Reason.OPERATOR else Fate.OVERRIDDEN,
            brake=None,
            aggregates={},
            policy_revision=read_policy(self.connection).revision,
            at=self.entry.at,
        )

    def _decide(self, *made: Decision) -> list[str]:
        judgement = Judgement(at=self.entry.at, term=read_term(self.connection), decisions=made)
        return verdicts.put_decisions(self.connection, judgement, batch=new_id())
