"""What a heartbeat says of the machine, in the words of the rules. Pure; decides nothing."""

from collections.abc import Iterable

# The units and the process that deliver mail.
SMTP = "postfix"
RUNNING, STOPPED = "running", "stopped"


def is_smtp_down(services: Iterable[tuple[str, str]]) -> bool:
    return any(name.startswith(SMTP) and state == STOPPED for name, state in services)


def fullest(*parts: tuple[int, int]) -> float | None:
    """The largest share of (used, whole); None where no whole is known."""
    return max((used / whole for used, whole in parts if whole > 0), default=None)
