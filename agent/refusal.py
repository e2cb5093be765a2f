"""Why the collector would not have us, in words a person can act on. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

ENROL_ANEW = "mailfleet-agent enrol --again --collector HOST --token-file FILE"

# The collector's stable codes, the first word of a refusal's text, and what helps.
REMEDIES = {
    "REVOKED": f"this node's certificate was revoked; to return it to the fleet: {ENROL_ANEW}",
    "DUPLICATE_IDENTITY": "another machine uses this node's identity (a cloned disk?);"
    f" only a new identity helps: {ENROL_ANEW}",
    "DECOMMISSIONED": f"this node was decommissioned; to use it again: {ENROL_ANEW}",
    "NODE_UNKNOWN": f"the collector does not know this node; {ENROL_ANEW}",
    "CERTIFICATE_UNKNOWN": f"the collector's CA did not issue this certificate; {ENROL_ANEW}",
    "CERTIFICATE_WRONG": f"the certificate is another node's; {ENROL_ANEW}",
    "CERTIFICATE_TOO_OLD": f"the certificate ended too long ago to be renewed; {ENROL_ANEW}",
    "OTHER_FLEET": f"the certificate is of another fleet; check collector.host, else {ENROL_ANEW}",
    "CLOCK": "the clocks of this node and the collector are more than a day apart;"
    " set the wrong one (timedatectl set-ntp true)",
}
RENEWABLE_AFTER_END = timedelta(days=180)
REFUSING = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})
UNCHANGED_BY_RETRY = frozenset({"FAILED_PRECONDITION", "INVALID_ARGUMENT", "UNIMPLEMENTED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no stream. `is_refusal`: retrying soon cannot change it."""

    problem: str
    is_refusal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The life of this node's own certificate."""

    not_before: datetime
    not_after: datetime


def explain(status: str, *, details: str, validity: Validity, now: datetime) -> Trouble:
    """What a gRPC status (its name and text) means for this node."""
    details = details[:500]
    code = details.partition(":")[0].strip()
    if code in REMEDIES:
        said = f" ({details})" if code == "CLOCK" else ""
        return Trouble(problem=f"refused, {code}: {REMEDIES[code]}{said}", is_refusal=True)
    if status in REFUSING | UNCHANGED_BY_RETRY:
        return Trouble(problem=f"refused, {status}: {details}", is_refusal=True)
    tls = _tls_problem(details, validity=validity, now=now)
    return Trouble(problem=tls or f"no stream, {status}: {details}", is_refusal=False)


def _tls_problem(details: str, *, validity: Validity, now: datetime) -> str:
    if now < validity.not_before:
        return (
            f"this node's clock ({now:%Y-%m-%d %H:%M:%SZ}) is before its certificate's start"
            f" ({validity.not_before:%Y-%m-%d %H:%M:%SZ}); set the clock (timedatectl set-ntp true)"
        )
    if now > validity.not_after + RENEWABLE_AFTER_END:
        return (
            f"this node's certificate ended at {validity.not_after:%Y-%m-%d %H:%M:%SZ}, too long"
            f" ago to be renewed; {ENROL_ANEW}"
        )
    if now > validity.not_after:
        return (
            f"this node's certificate ended at {validity.not_after:%Y-%m-%d %H:%M:%SZ};"
            f" it is being renewed; if that fails: {ENROL_ANEW}"
        )
    if "not yet valid" in details or "certificate has expired" in details:
        return (
            "the collector's certificate is not valid by this node's clock"
            f" ({now:%Y-%m-%d %H:%M:%SZ}); compare the clocks of both (timedatectl): {details}"
        )
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return (
            "the collector's certificate is not from the CA this node enrolled with, or names"
            f" another host; check collector.host, else {ENROL_ANEW}: {details}"
        )
    return ""


SKEW_WORTH_SAYING = timedelta(minutes=1)


def skew_problem(*, collector_time: datetime, now: datetime) -> str:
    """The clock's error when it is worth a word; an hour works, and shows."""
    skew = now - collector_time
    if abs(skew) < SKEW_WORTH_SAYING:
        return ""
    side = "ahead of" if skew > timedelta(0) else "behind"
    return f"clock {abs(skew).total_seconds():.0f} s {side} the collector's (timedatectl)"
