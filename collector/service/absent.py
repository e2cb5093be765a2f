"""Streams while no listener runs: nobody is connected."""

from collector.core.model import Order


class NoStreams:
    """Implements `ports.Streams` for a collector that is being founded."""

    def send(self, node_id: str, order: Order) -> bool:
        return False

    def close(self, node_id: str, *, code: str, text: str) -> None:
        """Nothing to close."""

    def connected(self) -> frozenset[str]:
        return frozenset()
