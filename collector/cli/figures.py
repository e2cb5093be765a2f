"""Counts, rates and delays as tables show them. Asks nothing."""

from collector.cli.api import Json

HEADERS = ("#ATTEMPTS", "#SENT", "#DEFERRED", "#BOUNCED", "#DEFERRALS", "#BOUNCES")


def row(counted: Json) -> list[object]:
    """What HEADERS name."""
    counts = [counted[name] for name in ("attempts", "sent", "deferred", "bounced")]
    return [*counts, percent(counted["deferral_ratio"]), percent(counted["bounce_ratio"])]


def percent(ratio: float | None) -> str | None:
    """None: too few to tell."""
    return None if ratio is None else f"{ratio:.1%}"


def delays(seconds: Json, *, when: str = "today") -> list[tuple[str, object]]:
    """The whole delay and the parts that were counted, half of them and 95 %."""
    names = {"total": "delay", "connect": "connecting", "transmit": "transmitting"}
    return [
        (f"{name}, {when}", f"{_within(told['p50'])} (95 %: {_within(told['p95'])})")
        for part, name in names.items()
        if (told := seconds[part])["p50"] is not None
    ]


def _within(seconds: float | None) -> str:
    return "over a day" if seconds is None else f"<= {seconds:g} s"
