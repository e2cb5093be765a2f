"""Alerts by level: what should stand against what does. Whoever opens alerts does it through here.

Knows no cause: which alerts are the caller's to resolve, the caller says.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from collector.core.model import AlertFact


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChanges:
    """Alerts to open (or to reword), and keys to resolve."""

    opened: tuple[AlertFact, ...] = ()
    resolved: tuple[str, ...] = ()


def changes(
    wanted: Iterable[AlertFact],
    *,
    standing: Iterable[AlertFact],
    is_ours: Callable[[AlertFact], bool],
) -> AlertChanges:
    """The difference, in the order of the keys. What stands with other words, or another severity,
    is opened anew and as old as it was; of what stands and nobody wants, only ours is over."""
    known = {alert.key: alert for alert in standing}
    named = {alert.key: alert for alert in wanted}
    gone = (key for key, alert in known.items() if key not in named and is_ours(alert))
    return AlertChanges(
        opened=tuple(
            alert for key, alert in sorted(named.items()) if _is_news(alert, known.get(key))
        ),
        resolved=tuple(sorted(gone)),
    )


def of_causes(causes: Collection[str]) -> Callable[[AlertFact], bool]:
    """Whether an alert is of one of these causes."""
    return lambda alert: alert.key.partition(":")[0] in causes


def _is_news(alert: AlertFact, known: AlertFact | None) -> bool:
    return known is None or replace(alert, opened_at=known.opened_at) != known
