"""Which brake may stop which automatic act: DESIGN's table, as data. Judges nothing."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum

from collector.core.model import AddressFacts, Brake, Kind, Proposal, Reason

# Asked only about who is in the rotation: what is out of it already takes nothing away.
CAPACITY = (Brake.FLOOR, Brake.VELOCITY)


class Row(Enum):
    """The rows of DESIGN's table of brakes, and coming back."""

    CRITICAL = "confirmed critical listing"
    LESSER = "other listings and rates"
    SILENCE = "silence"
    NARROW = "BLOCKED and DNS_BROKEN"
    CERTAIN = "what the node or a person knows for certain"
    READMISSION = "coming back"
    RESUME = "the end of a pause"
    WARMUP = "a warm-up's move"


# Which brake may stop which automatic act, in the order they are asked.
BRAKES: Mapping[Row, tuple[Brake, ...]] = {
    Row.CRITICAL: (Brake.ZONE,),
    Row.LESSER: (Brake.ZONE, *CAPACITY),
    Row.SILENCE: (Brake.STARTUP, Brake.DETECTOR, Brake.EMPTY, *CAPACITY),
    Row.NARROW: CAPACITY,
    Row.CERTAIN: (),
    Row.READMISSION: (Brake.READMISSION,),
    Row.RESUME: (),
    Row.WARMUP: (),
}
ROWS: Mapping[Reason, Row] = {
    Reason.LISTED: Row.LESSER,
    Reason.BOUNCE_RATE: Row.LESSER,
    Reason.COMPLAINT_RATE: Row.LESSER,
    Reason.SILENCE: Row.SILENCE,
    Reason.BLOCKED: Row.NARROW,
    Reason.DNS_BROKEN: Row.NARROW,
    Reason.SERVICE_DOWN: Row.CERTAIN,
    Reason.DISK_FULL: Row.CERTAIN,
    Reason.STANDING_ORDER: Row.CERTAIN,
    Reason.RESTORED: Row.CERTAIN,
    Reason.OPERATOR: Row.CERTAIN,
    Reason.WARMUP: Row.WARMUP,
    Reason.IDLE: Row.WARMUP,
}
# A person took these out, so a person's word brings them back at once.
PERSONS = frozenset({Reason.OPERATOR, Reason.RESTORED})
# What automation took out it would take back: for so long a pool's healthy size counts it in, so
# that the floor does not sink with a trouble that outlasts the baseline's day.
TAKEN_OUT = frozenset(Reason) - PERSONS
TAKEN_OUT_FOR = timedelta(days=7)
# Of what pauses and removes nobody, whatever the reason.
KINDS: Mapping[Kind, Row] = {
    Kind.ADMIT: Row.READMISSION,
    Kind.RESUME: Row.RESUME,
    Kind.WARM: Row.WARMUP,
    Kind.ADVANCE: Row.WARMUP,
    Kind.HOLD: Row.WARMUP,
    Kind.STEP_BACK: Row.WARMUP,
}
assert {*KINDS, Kind.PAUSE, Kind.REMOVE} == set(Kind)
assert ROWS.keys() == set(Reason)
assert BRAKES.keys() == set(Row)


def row_of(proposal: Proposal) -> Row:
    """The proposal's row of BRAKES."""
    if proposal.kind not in (Kind.PAUSE, Kind.REMOVE):
        return KINDS[proposal.kind]
    return Row.CRITICAL if proposal.is_critical else ROWS[proposal.reason]


def is_return(address: AddressFacts) -> bool:
    """It was in the rotation before, and no person took it out."""
    return address.rotation_since is not None and address.rotation_reason not in PERSONS


def is_so_already(proposal: Proposal) -> bool:
    """A record of what a node did by itself: nothing is made of it that is not so."""
    return proposal.kind is Kind.PAUSE and proposal.reason is Reason.STANDING_ORDER
