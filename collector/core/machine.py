"""What a heartbeat says of the machine, in the words of the rules. Pure; decides nothing."""

from collections.abc import Iterable

from collector.core.readings import ServiceFact

# The units and the process that deliver mail.
SMTP = "postfix"
RUNNING, STOPPED = "running", "stopped"


def smtp(services: Iterable[ServiceFact]) -> tuple[ServiceFact, ...]:
    """What is known of the service that delivers."""
    return tuple(one for one in services if _delivers(one.name))


def is_smtp_down(services: Iterable[tuple[str, str]]) -> bool:
    """Of (name, state), as a heartbeat tells them."""
    return any(_delivers(name) and state == STOPPED for name, state in services)


def _delivers(name: str) -> bool:
    return name.startswith(SMTP)


def fullest(*parts: tuple[int, int]) -> float | None:
    """The largest share of (used, whole); None where no whole is known."""
    return max((used / whole for used, whole in parts if whole > 0), default=None)
