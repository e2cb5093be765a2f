"""The policy in force, for everybody who judges or sets a pace: one value, changed in one place.

A new revision counts at once and everybody is judged anew. Only silence is judged by the slower of
the old pace and the new until every agent has had time to hear of the new one: an agent still at
the old pace has not fallen silent.
"""

from collections.abc import Callable
from dataclasses import replace

from collector.core.policy import Policy
from collector.ports import AuditEntry, Clock, Doorbell, ReignStore

# An agent is at the new pace after its next heartbeat; one more may be lost on the way.
INTERVALS_UNTIL_HEARD = 3


class Sway:
    """The policy in force and the one before, in memory."""

    def __init__(self, policy: Policy, *, clock: Clock) -> None:
        self._policy = policy
        self._slower = policy.heartbeat_interval
        self._settled_at = 0.0
        self._clock = clock

    def policy(self) -> Policy:
        """The newest revision: what is judged by, and what agents are told."""
        return self._policy

    def ears(self, policy: Policy) -> Policy:
        """The same, by which silence is judged."""
        if self._clock.monotonic() >= self._settled_at or policy.heartbeat_interval >= self._slower:
            return policy
        return replace(policy, heartbeat_interval=self._slower)

    def follow(self, policy: Policy) -> None:
        """It is in force from now on."""
        self._slower = self.ears(self._policy).heartbeat_interval
        wait = max(self._slower, policy.heartbeat_interval) * INTERVALS_UNTIL_HEARD
        self._settled_at = self._clock.monotonic() + wait.total_seconds()
        self._policy = policy


class Governor:
    """Changes it. `told` is called after every change: who has agents to tell their new pace does
    so."""

    def __init__(
        self, sway: Sway, *, store: ReignStore, doorbell: Doorbell, told: Callable[[], None]
    ) -> None:
        self._sway = sway
        self._store = store
        self._doorbell = doorbell
        self._told = told

    async def adopt(self, policy: Policy, entry: AuditEntry) -> Policy:
        """The policy with its new revision, durable and in force. Refused POLICY_STALE."""
        found = replace(policy, revision=self._sway.policy().revision + 1)
        await self._store.set_policy(found, entry)
        self._sway.follow(found)
        self._told()
        self._doorbell.ring()
        return found
