"""The closed words of the fleet: what a node, a pause, a decision may be. Knows no rule."""

from enum import Enum


class Lifecycle(Enum):
    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    WARMING = "warming"
    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    DRAINING = "draining"
    DECOMMISSIONED = "decommissioned"
    FAILED = "failed"


class Liveness(Enum):
    """Derived from silence, never stored."""

    UNHEARD = "unheard"
    FRESH = "fresh"
    LATE = "late"
    LOST = "lost"


class Automation(Enum):
    OBSERVE = "observe"
    ACT = "act"


class Reason(Enum):
    """Why an address may not send, or why it left the rotation."""

    LISTED = "LISTED"
    BOUNCE_RATE = "BOUNCE_RATE"
    COMPLAINT_RATE = "COMPLAINT_RATE"
    # Of an address at one receiver.
    BLOCKED = "BLOCKED"
    SERVICE_DOWN = "SERVICE_DOWN"
    DISK_FULL = "DISK_FULL"
    DNS_BROKEN = "DNS_BROKEN"
    # The node silenced itself while it heard no collector.
    STANDING_ORDER = "STANDING_ORDER"
    RESTORED = "RESTORED"
    OPERATOR = "OPERATOR"
    SILENCE = "SILENCE"
    # Why a warm-up moved.
    WARMUP = "WARMUP"
    IDLE = "IDLE"


class Kind(Enum):
    """What a decision does."""

    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    ADMIT = "admit"
    # Of a warm-up: to begin (again), a stage further, held, a stage or two back.
    WARM = "warm"
    ADVANCE = "advance"
    HOLD = "hold"
    STEP_BACK = "step_back"


class Fate(Enum):
    """What became of a proposal. WOULD: the pool only observes. OVERRIDDEN: a person said no."""

    MADE = "made"
    WITHHELD = "withheld"
    WOULD = "would"
    OVERRIDDEN = "overridden"


class Brake(Enum):
    ZONE = "zone brake"
    FLOOR = "floor"
    VELOCITY = "velocity"
    READMISSION = "re-admission"
    EMPTY = "empty set"
    DETECTOR = "detector health"
    STARTUP = "start-up grace"
    STOPPED = "automation stopped"
