"""Founds a collector that begins with a policy of its own: how a demo or a test sets its pace."""

from dataclasses import replace
from pathlib import Path

from collector.adapters import store
from collector.adapters.clock import SystemClock
from collector.config import Config
from collector.core import policy as policies
from collector.core.policy import Policy
from collector.ports import Actor, AuditEntry, Clock
from collector.service import founding
from collector.service.founding import Founded


class PolicyError(ValueError):
    """Values outside their bounds, one sentence a line."""


async def found(config: Config, path: Path, *, policy: Policy, actor: Actor) -> Founded:
    """As `founding.found`, with the policy as the next revision. PolicyError."""
    wrong = policies.problems(policy)
    if wrong:
        raise PolicyError("\n".join(wrong))
    clock = SystemClock()
    founded = await founding.found(config, path, key=None, actor=actor, clock=clock)
    await _govern(config, policy, actor=actor, clock=clock)
    return founded


async def _govern(config: Config, policy: Policy, *, actor: Actor, clock: Clock) -> None:
    journal = await store.open(config.state, clock)
    try:
        revision = (await journal.policy()).revision + 1
        entry = AuditEntry(actor=actor, action="policy set", subject=str(revision), at=clock.now())
        await journal.set_policy(replace(policy, revision=revision), entry)
    finally:
        await journal.close()
