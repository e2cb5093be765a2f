"""BOUNCE_RATE, COMPLAINT_RATE and BLOCKED: what receivers and people say of an address's mail.

A share of what was tried, over a day where enough was, else over a week; too little has no rate and
neither pauses nor ends a pause. A rate's pause ends by itself after a while, since who sends
nothing has no rate; what was counted before its end is not held against the address again.

BLOCKED is about one address at one receiver. It is obeyed where mail is given out: grants leave
the address out for that receiver, but for a probe of a few messages at each turn. No directive
carries it: what a node has already taken, Postfix goes on trying at its own pace.
"""

from collector.core import evidence, rates
from collector.core.model import Reason
from collector.core.rates import Rate
from collector.core.rule import Asked, Case, Rule

# A quarter of an hour is looked at when it is over; one that ended longer ago says nothing of now.
QUARTERS_FRESH = 2


def _bounces_open(case: Case) -> Asked | None:
    rate = rates.bounces(case.mail, case.policy)
    if rate is None or rate.ratio < case.policy.bounce_pause:
        return None
    return _rate_pause(case, rate, limit=case.policy.bounce_pause, what="bounces")


def _bounces_end(case: Case) -> Asked | None:
    rate = rates.bounces(case.mail, case.policy)
    if rate is None or rate.ratio > case.policy.bounce_close:
        return None
    return _rate_end(case, rate, limit=case.policy.bounce_close, what="bounces")


def _complaints_open(case: Case) -> Asked | None:
    rate = rates.complaints(case.mail, case.policy)
    is_many = rate is not None and rate.count >= case.policy.complaints_min
    if rate is None or not is_many or rate.ratio < case.policy.complaint_pause:
        return None
    return _rate_pause(case, rate, limit=case.policy.complaint_pause, what="complaints")


def _complaints_end(case: Case) -> Asked | None:
    rate = rates.complaints(case.mail, case.policy)
    if rate is None or rate.ratio > case.policy.complaint_close:
        return None
    return _rate_end(case, rate, limit=case.policy.complaint_close, what="complaints")


def _rate_pause(case: Case, rate: Rate, *, limit: float, what: str) -> Asked:
    hours = case.policy.rate_pause_lasts.total_seconds() / 3600
    return Asked(
        rule=f"{what} at {limit:.2%} or more pause the address for {hours:.0f} h at most",
        evidence={**rate.shown(), **evidence.of_mail(case.mail)},
        expires_at=case.now + case.policy.rate_pause_lasts,
    )


def _rate_end(case: Case, rate: Rate, *, limit: float, what: str) -> Asked:
    return Asked(
        rule=f"{what} at {limit:.2%} or less end the pause",
        evidence={**rate.shown(), **evidence.of_mail(case.mail)},
    )


def _blocked_opens(case: Case) -> Asked | None:
    said, policy = case.at_receiver, case.policy
    if said is None or said.attempts < policy.blocked_attempts_min:
        return None
    age = (case.now - said.until).total_seconds()
    if said.blocked < policy.blocked_ratio * said.attempts:
        return None
    if age > QUARTERS_FRESH * rates.QUARTER_SECONDS:
        return None
    return Asked(
        rule=f"a receiver that refused {policy.blocked_ratio:.0%} for reputation is left alone",
        evidence=evidence.of_receiver(said),
        probe_at=case.now + policy.probe_after,
    )


def _blocked_ends(case: Case) -> Asked | None:
    said, policy = case.at_receiver, case.policy
    if said is None or said.attempts < policy.probe_messages:
        return None
    if said.blocked >= policy.blocked_close * said.attempts:
        return None
    return Asked(
        rule=f"the receiver takes more than {1 - policy.blocked_close:.0%} of it again",
        evidence=evidence.of_receiver(said),
    )


def _bounces_last(case: Case) -> bool:
    return _is_as_counted(case) and _bounces_end(case) is None


def _complaints_last(case: Case) -> bool:
    return _is_as_counted(case) and _complaints_end(case) is None


def _is_as_counted(case: Case) -> bool:
    """A person said no to what was counted then: to no later count, and for no longer than the
    pause would have stood."""
    assert case.denial is not None
    is_counted_anew = case.mail and case.mail.since and case.mail.since >= case.denial.at
    return not is_counted_anew and case.now - case.denial.at < case.policy.rate_pause_lasts


def _blocked_lasts(case: Case) -> bool:
    """A person's no is a longer probe."""
    assert case.denial is not None
    is_young = case.now - case.denial.at < case.policy.probe_after
    return is_young and _blocked_ends(case) is None


BOUNCES = Rule(
    reason=Reason.BOUNCE_RATE, opens=_bounces_open, ends=_bounces_end, lasts=_bounces_last
)
COMPLAINTS = Rule(
    reason=Reason.COMPLAINT_RATE,
    opens=_complaints_open,
    ends=_complaints_end,
    lasts=_complaints_last,
)
BLOCKED = Rule(
    reason=Reason.BLOCKED, opens=_blocked_opens, ends=_blocked_ends, lasts=_blocked_lasts
)
