"""What a heartbeat says of the machine, in the words of the rules. Pure; decides nothing."""

from collections.abc import Iterable

from collector.core.policy import Policy

# The units and the process that deliver mail.
SMTP = "postfix"
RUNNING, STOPPED = "running", "stopped"
# From here on a processor counts as busy; how long it may be so is the policy's.
BUSY_RATIO = Policy().cpu_alert


def is_smtp_down(services: Iterable[tuple[str, str]]) -> bool:
    return any(name.startswith(SMTP) and state == STOPPED for name, state in services)


def is_busy(cpu_ratio: float) -> bool:
    return cpu_ratio > BUSY_RATIO


def fullest(*parts: tuple[int, int]) -> float | None:
    """The largest share of (used, whole); None where no whole is known."""
    return max((used / whole for used, whole in parts if whole > 0), default=None)
