"""When a node is looked at again, asked of the facts alone."""

from datetime import datetime

from collector.core import due, signals
from collector.core.model import NodeFacts
from collector.core.policy import Policy
from deliverability.catalogue import Catalogue


def next_look(
    node: NodeFacts, policy: Policy, *, catalogue: Catalogue, now: datetime
) -> datetime | None:
    said = signals.read(node, policy, catalogue=catalogue, now=now)
    return due.next_look(said, policy, now=now)
