"""An operator's word about a node, in the journal in memory; with its decision to show."""

from collections.abc import Iterable
from dataclasses import dataclass

from collector.core import safety
from collector.core.judgement import Judgement
from collector.core.model import (
    Decision,
    Denial,
    Fate,
    Kind,
    Listing,
    Pause,
    Proposal,
    Reason,
    Subject,
)
from collector.ports import AuditEntry, OperatorPause, Refused
from tests.simulation import judging_store, snapshot_store
from tests.simulation.intake_store import known
from tests.simulation.journal import Journal, moment

LIFTED = (Reason.OPERATOR, Reason.RESTORED)


def operator_pause(journal: Journal, wish: OperatorPause, entry: AuditEntry) -> None:
    pool_id = known(journal, wish.node_id).pool_id
    if wish.address is not None and (wish.node_id, wish.address) not in journal.addresses:
        raise Refused("ADDRESS_UNKNOWN", f"{wish.node_id} has no address {wish.address}")
    subject = Subject(node_id=wish.node_id, address=wish.address, pool_id=pool_id)
    act = _Act(journal, wish, entry, subject)
    act.pause() if wish.pausing else act.resume()


@dataclass(frozen=True, slots=True)
class _Act:
    journal: Journal
    wish: OperatorPause
    entry: AuditEntry
    subject: Subject

    def pause(self) -> None:
        (id_,) = self._decide(self._decision(Kind.PAUSE, Reason.OPERATOR, self.subject))
        judging_store.put_pause(
            self.journal,
            Pause(
                id=self.journal.new_id(),
                node_id=self.subject.node_id,
                address=self.subject.address,
                reason=Reason.OPERATOR,
                owner=self.entry.actor.name,
                opened_at=moment(self.entry.at),
                decision_id=id_,
                note=self.wish.note,
            ),
        )

    def resume(self) -> None:
        standing = self._pauses()
        closing = [one for one in standing if one.reason in LIFTED]
        held = [one for one in standing if self.wish.override and one not in closing]
        denied = self._denied(held) if self.wish.override else []
        if not closing and not denied:
            raise Refused("NOTHING_TO_RESUME", "no pause of an operator or a restore stands there")
        over, at = (*closing, *held), moment(self.entry.at)
        said = [(self._about(reason, one.address), reason, one) for reason, one in denied]
        judging_store.close_pauses(self.journal, [p.id for p in over], at=at)
        lifted = sorted({f"{one.reason.value} {one.address or ''}".strip() for one in over})
        refused = [self._decision(Kind.PAUSE, reason, one) for _, reason, one in said]
        resumed = self._decision(Kind.RESUME, Reason.OPERATOR, self.subject, lifted=lifted)
        _, *no_ids = self._decide(resumed, *refused)
        for (about, _, _), decision, id_ in zip(said, refused, no_ids, strict=True):
            key = safety.standing_key(decision.proposal)
            self.journal.denials[key] = Denial(decision_id=id_, at=at, about=about)

    def _about(self, reason: Reason, address: str | None) -> tuple[str, ...]:
        """Which causes stand now, as the rules name them."""
        if reason is Reason.LISTED:
            return tuple(one.id for one in self._open() if one.address == address)
        latest = self.journal.nodes[self.subject.node_id].latest
        said = latest.postfix.standing if latest else None
        is_silence = reason is Reason.STANDING_ORDER and said is not None
        return (said.since.isoformat(),) if is_silence and said else ()

    def _open(self) -> list[Listing]:
        """Listings that ask for a pause: a configuration fault pauses nobody."""
        return [
            one
            for one in snapshot_store.open_listings(self.journal)
            if one.node_id == self.subject.node_id and one.consequence == "pause"
        ]

    def _pauses(self) -> list[Pause]:
        """In force about the subject: of a node those of its addresses too."""
        wanted = self.subject.address
        return [
            one
            for one in snapshot_store.open_pauses(self.journal, self.subject.node_id)
            if wanted is None or one.address == wanted
        ]

    def _denied(self, held: Iterable[Pause]) -> list[tuple[Reason, Subject]]:
        """What a person says no to: what automation paused, and listed addresses not paused."""
        said = {(one.reason, one.address, one.receiver) for one in held}
        said |= {
            (Reason.LISTED, one.address, None)
            for one in self._open()
            if self.subject.address in (None, one.address)
        }
        node_id, pool_id = self.subject.node_id, self.subject.pool_id
        return [
            (
                reason,
                Subject(node_id=node_id, address=address, pool_id=pool_id, receiver=receiver),
            )
            for reason, address, receiver in sorted(said, key=str)
        ]

    def _decision(
        self, kind: Kind, reason: Reason, subject: Subject, **evidence: object
    ) -> Decision:
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
            policy_revision=self.journal.policies[-1].revision,
            at=self.entry.at,
        )

    def _decide(self, *made: Decision) -> list[str]:
        batch = self.journal.new_id()
        judgement = Judgement(at=self.entry.at, term=self.journal.term, decisions=made)
        return judging_store.decide(self.journal, judgement, batch=batch)
