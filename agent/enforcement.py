"""Brings Postfix to what the directive in force says, and keeps saying how far that has come.

Observes through the helper, asks `converge` what to do, does it, looks again. Tries for ever, with
a pause between tries; a directive that cannot be stored is obeyed all the same.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import anyio
import structlog

from agent import backoff, standing_orders
from agent.converge import Action, LogWitness, converge, judge
from agent.model import Convergence, Directive, PostfixObserved, PostfixReading, SelfSilence

# The helper's own commands end after 10 s each; this only catches a helper that hangs.
HELPER_SECONDS_MAX = 60

log = structlog.get_logger()


class PostfixDoor(Protocol):
    """The helper's verbs, as the agent uses them. Raise an exception of `failures`."""

    async def observe(self) -> PostfixObserved: ...

    async def pause(self) -> object: ...

    async def resume(self) -> object: ...


class Intent(Protocol):
    """What must be known after a crash: a resume cut short between its edit and its reload looks
    like a person's own edit, and that is never loaded for him."""

    @property
    def is_resuming(self) -> bool: ...

    def note_resuming(self, is_resuming: bool) -> None: ...

    @property
    def self_silence(self) -> SelfSilence | None: ...

    def note_self_silence(self, silence: SelfSilence | None) -> None: ...


class Enforcement:
    def __init__(
        self,
        postfix: PostfixDoor,
        held: Directive | None,
        *,
        failures: tuple[type[Exception], ...],
        witness: Callable[[], LogWitness],
        intent: Intent,
    ) -> None:
        """`held`: the stored directive; `witness`: what the log says at this moment. `failures`:
        what the helper and the intent raise when they cannot."""
        self.wanted = held
        self.reading = PostfixReading(
            directive_order=None if held is None else held.order, problem="not looked at yet"
        )
        self._postfix = postfix
        self._problems: tuple[type[Exception], ...] = (*failures, TimeoutError)
        self._witness = witness
        self._is_confirmed = False
        self._intent = intent
        self._unfinished: tuple[Action, ...] = (Action.RESUME,) if intent.is_resuming else ()
        self._failures = 0
        self.self_silence = intent.self_silence
        self._is_noted = True

    def silence_itself(self, silence: SelfSilence) -> None:
        """By standing orders, which stand above any directive that lets it send. Nothing of ours
        stands before it: it is stored with the next pass."""
        if self.self_silence is None:
            self.self_silence, self._is_noted = silence, False
            log.warning("silent by standing orders", why=silence.why)

    @property
    def in_force(self) -> Directive | None:
        """The directive, and what the node was told to do without one."""
        held = self.wanted
        if self.self_silence is None:
            return held
        base = held or Directive(term=0, revision=0)
        return replace(base, node_pauses=(*base.node_pauses, standing_orders.REASON))

    def order(self, directive: Directive) -> bool:
        """The collector says this in this run: whether it is in force from here on.

        An older one than the one held changes nothing, and neither does another text of the same
        (term, revision): one of the two would be wrong, and ours may be a pause.
        """
        held = self.wanted
        if held is not None and directive.order < held.order:
            log.info("older directive ignored", order=directive.order, held=held.order)
            return False
        if held is not None and directive.order == held.order and directive != held:
            log.error("two directives of one order", order=directive.order)
            return False
        if directive != held:
            self._unfinished, self._failures = (), 0
            log.info(
                "directive",
                order=directive.order,
                silence=directive.wants_silence,
                pauses=directive.node_pauses,
                addresses={order.address: order.pauses for order in directive.addresses},
            )
        self.wanted, self._is_confirmed = directive, True
        silence = self.self_silence
        if silence and standing_orders.is_lifted(silence.since, directive.standing_lifted):
            self.self_silence, self._is_noted = None, False
            log.info("standing orders lifted by the collector", since=str(silence.since))
        return True

    async def once(self) -> timedelta | None:
        """Look, act, look again. How soon to come back; None: at the usual pace."""
        before = self.reading
        try:
            with anyio.fail_after(HELPER_SECONDS_MAX):
                self.reading = await self._pass(before)
        except self._problems as error:
            self._failures += 1
            self.reading = self._failed(str(error) or type(error).__name__)
        else:
            self._failures = 0 if self._is_settled else self._failures + 1
        self._note()
        self._say(before)
        return None if self._is_settled else backoff.attempt(self._failures - 1)

    @property
    def _is_settled(self) -> bool:
        """Nothing is on its way: verified, or nothing to wait for but the collector's word."""
        if self.reading.convergence is Convergence.VERIFIED:
            return True
        wanted = self.in_force
        waits = wanted is None or not (self._is_confirmed or wanted.wants_silence)
        return waits and self.reading.convergence is Convergence.PENDING

    async def _pass(self, before: PostfixReading) -> PostfixReading:
        wanted, confirmed = self.in_force, self._is_confirmed
        silence = self.self_silence
        observed = await self._postfix.observe()
        actions = converge(observed, wanted, confirmed=confirmed) or self._left_over(wanted)
        if actions:
            self._unfinished = actions
            for action in actions:
                await self._act(action)
            self._unfinished = ()
            observed = await self._postfix.observe()
        reading = judge(
            observed, wanted, confirmed=confirmed, witness=self._witness(), before=before
        )
        return replace(reading, standing=silence)

    def _note(self) -> None:
        """After what it says is done, and tried again with each pass: a disk that is full neither
        delays a silence nor hides it."""
        if self._is_noted:
            return
        try:
            self._intent.note_self_silence(self.self_silence)
        except self._problems as error:
            log.warning("standing orders not stored, trying again", problem=str(error))
        else:
            self._is_noted = True

    def _left_over(self, wanted: Directive | None) -> tuple[Action, ...]:
        """What was begun and not finished, if it is still wanted: a resume only on a directive the
        collector sent in this run."""
        may_resume = self._is_confirmed and wanted is not None and not wanted.wants_silence
        return tuple(one for one in self._unfinished if one is Action.PAUSE or may_resume)

    async def _act(self, action: Action) -> None:
        """Nothing of ours stands before a pause, not even a disk that is full."""
        if action is Action.PAUSE:
            await self._postfix.pause()
        else:
            self._intent.note_resuming(True)
            await self._postfix.resume()
            self._intent.note_resuming(False)
        log.info("postfix", action=action.value, tries=self._failures)

    def _failed(self, problem: str) -> PostfixReading:
        """What was seen last may no longer be so: nothing is claimed of silence."""
        wanted = self.wanted
        return replace(
            self.reading,
            directive_order=None if wanted is None else wanted.order,
            convergence=Convergence.PENDING if wanted is None else Convergence.FAILED,
            problem=problem,
            is_silent=False,
            standing=self.self_silence,
        )

    def _say(self, before: PostfixReading) -> None:
        now = self.reading
        if (now.convergence, now.problem) != (before.convergence, before.problem):
            say = log.error if now.convergence is Convergence.FAILED else log.info
            say(
                "convergence",
                is_now=now.convergence.value,
                problem=now.problem,
                order=now.directive_order,
                silent=now.is_silent,
            )
