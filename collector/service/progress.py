"""Which loops advance, and when they last did: what feeds the watchdog and /healthz."""

from collections.abc import Mapping

from collector.ports import Clock


class Progress:
    """Each loop says `advanced` after real work; one that stays silent too long is stalled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loops: dict[str, tuple[float, float]] = {}

    def expect(self, name: str, *, within: float) -> None:
        """From now on this loop must advance at least every so many seconds."""
        self._loops[name] = (self._clock.monotonic(), within)

    def advanced(self, name: str) -> None:
        _, within = self._loops[name]
        self._loops[name] = (self._clock.monotonic(), within)

    def read(self) -> Mapping[str, tuple[float, float]]:
        """Name -> seconds since it advanced, seconds it may take."""
        now = self._clock.monotonic()
        return {name: (now - at, within) for name, (at, within) in self._loops.items()}

    def stalled(self) -> list[str]:
        return sorted(name for name, (ago, within) in self.read().items() if ago > within)
