"""What must be done so that Postfix does as the directive says, and whether it now does. Pure.

A pause needs nobody's leave: a stored directive is enough. A resume happens only on a directive
the collector sent in this run, so that no restart, restore or lost network ever opens a node.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from agent.model import Convergence, Directive, PostfixObserved, PostfixReading


class Action(Enum):
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWitness:
    """What the log says since Postfix's last reload or start line: deliveries that ended after it
    and began before it (in flight), and those that began after it."""

    reload_at: datetime | None = None
    in_flight: int = 0
    begun: int = 0


def converge(
    observed: PostfixObserved, wanted: Directive | None, *, confirmed: bool
) -> tuple[Action, ...]:
    """Nothing when nothing differs. `confirmed`: the collector sent `wanted` in this run.

    With no directive at all Postfix is left as it is, but for a pause of ours that outlived our
    state: that one is kept whole.
    """
    wants_silence = observed.paused if wanted is None else wanted.wants_silence
    if wants_silence:
        return () if observed.is_closed and observed.paused else (Action.PAUSE,)
    return (Action.RESUME,) if confirmed and observed.paused else ()


def judge(
    observed: PostfixObserved,
    wanted: Directive | None,
    *,
    confirmed: bool,
    witness: LogWitness,
    before: PostfixReading | None = None,
) -> PostfixReading:
    """How far the directive is in force, by what was observed and what the log says."""
    verified, problem = _verified(
        observed, wanted, confirmed=confirmed, witness=witness, before=before
    )
    return PostfixReading(
        observed=observed,
        reload_at=witness.reload_at,
        directive_order=None if wanted is None else wanted.order,
        convergence=Convergence.VERIFIED if verified else Convergence.PENDING,
        problem=problem,
        deliveries_in_flight=witness.in_flight,
        deliveries_begun=witness.begun,
        is_silent=is_silent(observed, witness),
    )


def is_silent(observed: PostfixObserved, witness: LogWitness) -> bool:
    """No delivery began after the reload line that closed Postfix; deliveries in flight may end."""
    if not observed.running:
        return True
    return observed.is_closed and _is_logged(observed, witness) and witness.begun == 0


def _verified(
    observed: PostfixObserved,
    wanted: Directive | None,
    *,
    confirmed: bool,
    witness: LogWitness,
    before: PostfixReading | None,
) -> tuple[bool, str]:
    if wanted is None:
        return False, "no directive yet" if not observed.paused else "paused; no directive yet"
    if wanted.wants_silence:
        return _verified_pause(observed, witness)
    if observed.paused:
        return False, "" if confirmed else "resume waits for the collector's word in this run"
    if observed.is_loaded or _was_verified(before, wanted):
        # A person's own edit, not yet loaded, does not undo a resume that was already seen.
        return True, ""
    return False, _unread(observed)


def _verified_pause(observed: PostfixObserved, witness: LogWitness) -> tuple[bool, str]:
    if not observed.is_closed:
        left = sorted(set(observed.outbound) - set(observed.deferred))
        return False, f"not deferred: {', '.join(left)}" if left else _unread(observed)
    if not _is_logged(observed, witness):
        return False, "no reload line in the log since the pause was written"
    if observed.running and witness.begun:
        # A flush by hand delivers past the pause; silence cannot be claimed until the next reload.
        return True, f"deliveries begun since Postfix was closed: {witness.begun}"
    return True, ""


def _unread(observed: PostfixObserved) -> str:
    """At a reload the queue manager that ends may take the wake-up meant for the next one (seen
    with Postfix 3.7 on a busy machine); then there is none for a while."""
    if observed.qmgr_started_at is None:
        return (
            "no queue manager runs: Postfix starts one for the next mail, or in 5 minutes at most"
        )
    return "main.cf changed after the queue manager read it"


def _is_logged(observed: PostfixObserved, witness: LogWitness) -> bool:
    """The log shows a reload or start since the configuration's last change; it tells seconds."""
    if not observed.running:
        return True
    changed = observed.config_changed_at.replace(microsecond=0)
    return witness.reload_at is not None and witness.reload_at >= changed


def _was_verified(before: PostfixReading | None, wanted: Directive) -> bool:
    return (
        before is not None
        and before.directive_order == wanted.order
        and before.convergence is Convergence.VERIFIED
    )
