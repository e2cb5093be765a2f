"""Which alerts nobody wants to be told of until a time. Hides nothing: they stand and are shown."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from collector.core import causes
from collector.core.incident import Place, Silence
from collector.core.model import AlertFact
from collector.core.severity import Severity

# Longer than anybody's holiday is no silence, it is a switch.
LASTS_MAX = timedelta(days=7)
LASTS_MIN = timedelta(minutes=1)
# Causes whose High alerts only a silence that names the cause covers.
EXPLICIT = causes.LISTINGS | {"zone-brake"}


def problems(silence: Silence) -> tuple[str, ...]:
    """Why it may not be made, as sentences; empty when it may."""
    lasts = silence.ends_at - silence.starts_at
    found = []
    if lasts > LASTS_MAX:
        found.append(f"a silence ends within {LASTS_MAX.days} days; this one would not")
    if lasts < LASTS_MIN:
        found.append("a silence lasts a minute at least")
    if not any((silence.cause, silence.zone, silence.node, silence.pool, silence.address)):
        found.append("a silence names a cause, a zone, a node, a pool or an address")
    return tuple(found)


def silencing(
    alert: AlertFact, silences: Iterable[Silence], *, place: Place | None, now: datetime
) -> Silence | None:
    """The one that covers the alert and ends last."""
    active = [one for one in silences if one.is_active(now) and covers(one, alert, place=place)]
    return max(active, key=lambda one: (one.ends_at, one.number), default=None)


def covers(silence: Silence, alert: AlertFact, *, place: Place | None) -> bool:
    """Every field given must fit; a High listing wants its cause named."""
    said = causes.facets(alert.key)
    is_explicit = silence.cause == said.cause
    if alert.severity is Severity.HIGH and said.cause in EXPLICIT and not is_explicit:
        return False
    return (
        silence.cause in (None, said.cause)
        and silence.zone in (None, said.zone)
        and silence.address in (None, said.address)
        and _is_of(silence, alert, place)
    )


def _is_of(silence: Silence, alert: AlertFact, place: Place | None) -> bool:
    names = (None, alert.node_id, place.node) if place else (None, alert.node_id)
    pools = (None, place.pool) if place else (None,)
    return silence.node in names and silence.pool in pools
