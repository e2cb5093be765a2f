"""What a rule is: when a reason opens a pause, and when it ends one. Decides nothing itself.

Rules look at levels, not edges. Between opening and ending lies what neither opens nor ends:
unknown, and the gap that keeps a pause from flapping.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collector.core.asked import Asked as Asked
from collector.core.model import Denial, Reason, Subject
from collector.core.policy import Policy
from collector.core.readings import MailFacts, ReceiverFacts
from collector.core.signals import AddressSignals, NodeSignals
from collector.core.zonebrake import ZoneBrakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One subject, and all that may be known of it. `address` None: the whole node. `denial`: what
    a person said no to, of the rule that is asked."""

    node: NodeSignals
    address: AddressSignals | None
    brakes: ZoneBrakes
    policy: Policy
    now: datetime
    receiver: str | None = None
    denial: Denial | None = None

    @property
    def subject(self) -> Subject:
        facts = self.node.facts
        return Subject(
            node_id=facts.id,
            address=self.address.facts.ip if self.address else None,
            pool_id=facts.pool_id,
            receiver=self.receiver,
        )

    @property
    def mail(self) -> MailFacts | None:
        return self.address.facts.mail if self.address else None

    @property
    def at_receiver(self) -> ReceiverFacts | None:
        receivers = self.mail.receivers if self.mail else ()
        return next((one for one in receivers if one.receiver == self.receiver), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`opens`: why to pause, though nothing of this reason does. `ends`: why an open pause of this
    reason may go; None keeps it. `lasts`: whether what a person said no to (`Case.denial`) is still
    there; when nothing is said, while a pause would not end. `is_choosy`: it knows by itself which
    of its causes are denied, and opens on the others."""

    reason: Reason
    opens: Callable[[Case], Asked | None]
    ends: Callable[[Case], Asked | None]
    lasts: Callable[[Case], bool] | None = None
    is_choosy: bool = False

    def stands(self, case: Case) -> bool:
        return self.lasts(case) if self.lasts else self.ends(case) is None

    def is_denied(self, case: Case) -> bool:
        """A person resumed it although the cause stands: automation leaves it alone."""
        return case.denial is not None and not self.is_choosy and self.stands(case)
